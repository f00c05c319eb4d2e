package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// Report is what `send` prints: what was sent, how the calls went, and what must come of it.
type Report struct {
	Requests  int       `json:"requests"`
	Laps      uint64    `json:"laps"`
	WireBytes int64     `json:"wire_bytes"`
	Seconds   float64   `json:"seconds"`
	Refused   int64     `json:"refused"`     // retryable refusals, each sent again until taken
	Failed    int64     `json:"failed"`      // calls that ended otherwise; any makes the run invalid
	LastError string    `json:"last_error"`  //
	P50       float64   `json:"p50_ms"`      // of the call, refusals excluded
	P99       float64   `json:"p99_ms"`      //
	Max       float64   `json:"max_ms"`      //
	MaxLate   float64   `json:"max_late_ms"` // fixed rate only: how late the sender itself was at worst
	Expected  *Expected `json:"expected"`    //
}

type sender struct {
	corpus    *Corpus
	conns     []*grpc.ClientConn
	seed      uint64
	ready     [][]byte // gzip: all requests of all laps, compressed before the start
	wireBytes atomic.Int64
	refused   atomic.Int64
	failed    atomic.Int64
	lastError atomic.Value
	mutex     sync.Mutex
	latencies []time.Duration
}

func runSend(args []string) error {
	flags := flag.NewFlagSet("send", flag.ExitOnError)
	target := flags.String("target", "", "host:port of the OTLP gRPC receiver")
	dir := flags.String("corpus", "", "folder with corpus.json and corpus.bin")
	seconds := flags.Float64("seconds", 5, "stop at the end of the lap that is under way after this time")
	spans := flags.Int("spans", 0, "stop after at least this many spans instead")
	rate := flags.Float64("rate", 0, "spans per second; 0 is as fast as the receiver takes them")
	workers := flags.Int("workers", 8, "calls in flight")
	connections := flags.Int("connections", 2, "connections")
	compress := flags.Bool("gzip", false, "compress requests (before the clock starts); needs -spans")
	seed := flags.Uint64("seed", 1, "seed of the ids; different seeds never share ids")
	probability := flags.Float64("probability", 0.1, "of the probabilistic policy, for the expected answer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	corpus, err := loadCorpus(*dir)
	if err != nil {
		return err
	}
	s := &sender{corpus: corpus, seed: *seed}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})),
	}
	if *compress {
		useReadyGzip()
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))
	}
	for range *connections {
		conn, err := grpc.NewClient(*target, options...)
		if err != nil {
			return err
		}
		defer conn.Close()
		s.conns = append(s.conns, conn)
	}
	perLap := len(corpus.Requests)
	stop := &stopper{perLap: int64(perLap)}
	if *spans > 0 {
		lapSpans := 0
		for _, request := range corpus.Requests {
			lapSpans += request.Spans
		}
		stop.end.Store(int64((*spans + lapSpans - 1) / lapSpans * perLap))
	}
	if *compress {
		if *spans == 0 {
			return fmt.Errorf("-gzip needs -spans: requests are compressed before the start")
		}
		s.compressAll(int(stop.end.Load()))
	}
	started := time.Now()
	if *spans == 0 {
		stop.deadline = started.Add(time.Duration(*seconds * float64(time.Second)))
	}
	report := Report{}
	if *rate > 0 {
		report.MaxLate = s.sendPaced(stop, *rate, *workers)
	} else {
		s.sendFlatOut(stop, *workers)
	}
	report.Seconds = time.Since(started).Seconds()
	report.Requests = int(stop.end.Load())
	report.Laps = uint64(report.Requests / perLap)
	report.WireBytes, report.Refused, report.Failed = s.wireBytes.Load(), s.refused.Load(), s.failed.Load()
	if text, ok := s.lastError.Load().(string); ok {
		report.LastError = text
	}
	slices.Sort(s.latencies)
	if n := len(s.latencies); n > 0 {
		report.P50, report.P99 = millis(s.latencies[n/2]), millis(s.latencies[min(n-1, n*99/100)])
		report.Max = millis(s.latencies[n-1])
	}
	expected := corpus.expect(*seed, report.Laps, *probability)
	report.Expected = &expected
	return json.NewEncoder(os.Stdout).Encode(report)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stopper hands out request numbers and fixes the end of the run at the end of a lap.
type stopper struct {
	perLap   int64
	deadline time.Time
	next     atomic.Int64
	end      atomic.Int64
}

func (s *stopper) take() (int64, bool) {
	number := s.next.Add(1) - 1
	if !s.deadline.IsZero() && s.end.Load() == 0 && time.Now().After(s.deadline) {
		// Numbers up to the current one may be under way: the lap of the highest one is still sent whole.
		s.end.CompareAndSwap(0, (s.next.Load()+s.perLap-1)/s.perLap*s.perLap)
	}
	end := s.end.Load()
	return number, end == 0 || number < end
}

// sendFlatOut keeps `workers` calls in flight until the end.
func (s *sender) sendFlatOut(stop *stopper, workers int) {
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			conn := s.conns[worker%len(s.conns)]
			var buf []byte
			var latencies []time.Duration
			for {
				number, more := stop.take()
				if !more {
					break
				}
				payload := s.payload(&buf, number)
				latencies = append(latencies, s.export(conn, payload))
			}
			s.mutex.Lock()
			s.latencies = append(s.latencies, latencies...)
			s.mutex.Unlock()
		})
	}
	group.Wait()
}

// sendPaced starts calls at fixed moments, whether or not earlier ones have ended (an open loop), and returns by how
// many milliseconds it was itself late at worst.
func (s *sender) sendPaced(stop *stopper, rate float64, workers int) float64 {
	spansPerRequest := float64(s.corpus.Requests[0].Spans)
	interval := time.Duration(spansPerRequest / rate * float64(time.Second))
	slots := make(chan []byte, 64*workers)
	for range cap(slots) {
		slots <- nil
	}
	var group sync.WaitGroup
	var late time.Duration
	begin := time.Now()
	for {
		number, more := stop.take()
		if !more {
			break
		}
		due := begin.Add(time.Duration(number) * interval)
		buf := <-slots
		payload := s.payload(&buf, number)
		time.Sleep(time.Until(due))
		late = max(late, time.Since(due))
		group.Go(func() {
			took := s.export(s.conns[int(number)%len(s.conns)], payload)
			s.mutex.Lock()
			s.latencies = append(s.latencies, took)
			s.mutex.Unlock()
			slots <- buf
		})
	}
	group.Wait()
	return millis(late)
}

// payload gives request `number`, patched into *buf, or taken from what was compressed before the start.
func (s *sender) payload(buf *[]byte, number int64) []byte {
	if s.ready != nil {
		return s.ready[number]
	}
	perLap := int64(len(s.corpus.Requests))
	request := &s.corpus.Requests[number%perLap]
	*buf = s.corpus.patched(*buf, request, s.seed, uint64(number/perLap), time.Now().UnixNano())
	return *buf
}

func (s *sender) compressAll(count int) {
	s.ready = make([][]byte, count)
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			var raw []byte
			writer := gzip.NewWriter(nil) // the default level, as the SDKs use
			perLap := int64(len(s.corpus.Requests))
			for {
				number := next.Add(1) - 1
				if number >= int64(count) {
					return
				}
				request := &s.corpus.Requests[number%perLap]
				raw = s.corpus.patched(raw, request, s.seed, uint64(number/perLap), time.Now().UnixNano())
				var out bytes.Buffer
				writer.Reset(&out)
				_, _ = writer.Write(raw) // to memory: cannot fail
				_ = writer.Close()
				s.ready[number] = out.Bytes()
			}
		})
	}
	group.Wait()
}

// export makes one call, again after each retryable refusal, and returns how long the last try took.
func (s *sender) export(conn *grpc.ClientConn, payload []byte) time.Duration {
	var reply []byte
	for {
		begin := time.Now()
		err := conn.Invoke(context.Background(), exportMethod, &payload, &reply)
		took := time.Since(begin)
		switch status.Code(err) {
		case codes.OK:
			s.wireBytes.Add(int64(len(payload)))
			return took
		case codes.Unavailable, codes.ResourceExhausted:
			s.refused.Add(1)
			s.lastError.Store(err.Error())
			time.Sleep(20 * time.Millisecond)
		default:
			s.failed.Add(1)
			s.lastError.Store(err.Error())
			return took
		}
	}
}
