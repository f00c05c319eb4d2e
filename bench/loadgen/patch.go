package main

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math"
	"math/bits"
)

// traceID gives the id of one trace of one lap: the same for every request that holds a part of the trace, and, for
// practical purposes, never the same twice. Both halves are random, as sampling by trace id needs.
func traceID(seed, lap uint64, trace int) [16]byte {
	var id [16]byte
	state := seed*0x9E3779B97F4A7C15 + lap<<24 + uint64(trace)
	binary.BigEndian.PutUint64(id[:8], splitmix(state))
	binary.BigEndian.PutUint64(id[8:], splitmix(state^0xD1B54A32D192ED03))
	return id
}

func splitmix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
	x = (x ^ (x >> 27)) * 0x94D049BB133111EB
	return x ^ (x >> 31)
}

// patched copies a request into buf (grown when needed) with the ids of this lap and times relative to nowNanos.
func (c *Corpus) patched(buf []byte, request *Request, seed, lap uint64, nowNanos int64) []byte {
	buf = append(buf[:0], c.blob[request.Offset:request.Offset+request.Length]...)
	for _, at := range request.TraceIDs {
		id := traceID(seed, lap, at[1])
		copy(buf[at[0]:], id[:])
	}
	var tail [4]byte
	for _, at := range request.ResponseIDs {
		id := traceID(seed, lap, at[1])
		binary.BigEndian.PutUint32(tail[:], uint32(at[2]))
		hex.Encode(buf[at[0]:], id[:12])
		hex.Encode(buf[at[0]+24:], tail[:])
	}
	for _, at := range request.Times {
		binary.LittleEndian.PutUint64(buf[at[0]:], uint64(nowNanos+at[1]))
	}
	return buf
}

// Expected is what a correct program gives for the laps sent, for both ways of drawing a probabilistic sample.
type Expected struct {
	Traces   int   `json:"traces"`
	Spans    int   `json:"spans"`
	Calls    int   `json:"calls"`
	CostPico int64 `json:"cost_pico"`
	OTel     Kept  `json:"otel"` // consistent probability: the trace id's low 56 bits >= threshold
	FNV      Kept  `json:"fnv"`  // the Collector's tail_sampling: FNV-1a of salt and trace id
}

// Kept is what must reach the sink. IDSum adds the low 8 bytes of the trace id of each kept span, modulo 2^64: equal
// sums mean that the same traces were kept, without a list of them.
type Kept struct {
	Traces   int    `json:"traces"`
	Spans    int    `json:"spans"`
	CostPico int64  `json:"cost_pico"`
	IDSum    uint64 `json:"id_sum,string"`
}

func (k *Kept) add(trace *Trace, id [16]byte) {
	k.Traces++
	k.Spans += trace.Spans
	k.CostPico += trace.CostPico
	k.IDSum += binary.BigEndian.Uint64(id[8:]) * uint64(trace.Spans)
}

// expect works out the answer for laps [0, laps) of one seed.
func (c *Corpus) expect(seed, laps uint64, probability float64) Expected {
	threshold := otelThreshold(probability)
	hashLimit := uint64(probability * math.MaxUint64)
	var sum Expected
	for lap := range laps {
		for index := range c.Traces {
			trace := &c.Traces[index]
			sum.Traces++
			sum.Spans += trace.Spans
			sum.Calls += trace.Calls
			sum.CostPico += trace.CostPico
			id := traceID(seed, lap, index)
			if trace.Always || binary.BigEndian.Uint64(id[8:])&(1<<56-1) >= threshold {
				sum.OTel.add(trace, id)
			}
			if trace.Always || collectorHash(id) <= hashLimit {
				sum.FNV.add(trace, id)
			}
		}
	}
	return sum
}

// otelThreshold is the rejection threshold of a probability, to four hexadecimal digits beyond leading f digits, which is
// the precision that the OpenTelemetry specification gives to samplers by default.
func otelThreshold(probability float64) uint64 {
	exact := uint64(math.Round((1 - probability) * (1 << 56)))
	drop := max(0, 56-16-bits.LeadingZeros64(^(exact<<8))/4*4)
	if drop == 0 {
		return exact
	}
	return (exact + 1<<(drop-1)) >> drop << drop
}

// collectorHash is the hash by which the Collector's tail_sampling draws its probabilistic sample.
func collectorHash(id [16]byte) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte("default-hash-seed"))
	hash.Write(id[:])
	return hash.Sum64()
}
