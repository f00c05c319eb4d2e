package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // receivers must read gzip
)

// Counts is what the sink has received so far; served as JSON on its second port.
type Counts struct {
	Requests int64  `json:"requests"`
	Bytes    int64  `json:"bytes"` // uncompressed
	Spans    int64  `json:"spans"`
	Roots    int64  `json:"roots"` // spans without a parent: whole traces have one
	CostPico int64  `json:"cost_pico"`
	Costs    int64  `json:"costs"` // spans that carry a cost
	IDSum    uint64 `json:"id_sum,string"`
	LastUnix int64  `json:"last_unix_ms"`
	Bad      string `json:"bad"` // set when a request was not OTLP
}

type sink struct {
	mutex   sync.Mutex
	counts  Counts
	costKey string
}

func runSink(args []string) error {
	flags := flag.NewFlagSet("sink", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "OTLP gRPC endpoint")
	control := flags.String("control", "127.0.0.1:0", "HTTP endpoint of the counts")
	costKey := flags.String("cost-key", "gen_ai.usage.cost", "span attribute to add up")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := &sink{costKey: *costKey}
	grpcListener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	httpListener, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(256<<20))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: s.export}},
	}, s)
	http.HandleFunc("/counts", func(w http.ResponseWriter, _ *http.Request) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		_ = json.NewEncoder(w).Encode(s.counts)
	})
	fmt.Printf("listening %s %s\n", grpcListener.Addr(), httpListener.Addr())
	go func() { _ = http.Serve(httpListener, nil) }()
	return server.Serve(grpcListener)
}

func (s *sink) export(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var raw []byte
	if err := decode(&raw); err != nil {
		return nil, err
	}
	var local Counts
	if err := s.count(raw, &local); err != nil {
		local.Bad = err.Error()
	}
	s.mutex.Lock()
	c := &s.counts
	c.Requests++
	c.Bytes += int64(len(raw))
	c.Spans += local.Spans
	c.Roots += local.Roots
	c.Costs += local.Costs
	c.CostPico += local.CostPico
	c.IDSum += local.IDSum
	c.LastUnix = time.Now().UnixMilli()
	if local.Bad != "" {
		c.Bad = local.Bad
	}
	s.mutex.Unlock()
	reply := []byte{}
	return &reply, nil
}

// count walks ExportTraceServiceRequest > resource_spans 1 > scope_spans 2 > spans 2.
func (s *sink) count(raw []byte, c *Counts) error {
	return fields(raw, func(number int, _ uint64, resourceSpans []byte) error {
		if number != 1 {
			return nil
		}
		return fields(resourceSpans, func(number int, _ uint64, scopeSpans []byte) error {
			if number != 2 {
				return nil
			}
			return fields(scopeSpans, func(number int, _ uint64, span []byte) error {
				if number != 2 {
					return nil
				}
				return s.span(span, c)
			})
		})
	})
}

func (s *sink) span(span []byte, c *Counts) error {
	c.Spans++
	root := true
	err := fields(span, func(number int, _ uint64, value []byte) error {
		switch {
		case number == 1 && len(value) == 16:
			c.IDSum += binary.BigEndian.Uint64(value[8:])
		case number == 4 && len(value) > 0:
			root = false
		case number == 9:
			return s.attribute(value, c)
		}
		return nil
	})
	if root {
		c.Roots++
	}
	return err
}

// attribute adds the cost when the key is the cost's: KeyValue{key 1, value 2: AnyValue{double_value 4}}. The fields may
// come in any order: the Collector writes messages back to front, the value before its key.
func (s *sink) attribute(pair []byte, c *Counts) error {
	var key, value []byte
	err := fields(pair, func(number int, _ uint64, bytes []byte) error {
		switch number {
		case 1:
			key = bytes
		case 2:
			value = bytes
		}
		return nil
	})
	if err != nil || string(key) != s.costKey {
		return err
	}
	return fields(value, func(number int, bits uint64, _ []byte) error {
		if number == 4 {
			c.Costs++
			c.CostPico += int64(math.Round(math.Float64frombits(bits) * 1e12))
		}
		return nil
	})
}
