package main

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestTraceIDsDifferAndSpreadEvenly(t *testing.T) {
	seen := map[[16]byte]bool{}
	const laps, traces = 50, 1024
	kept := 0
	for lap := range uint64(laps) {
		for trace := range traces {
			id := traceID(3, lap, trace)
			if seen[id] {
				t.Fatal("two traces got the same id")
			}
			seen[id] = true
			if binary.BigEndian.Uint64(id[8:])&(1<<56-1) >= 9*(1<<56)/10 {
				kept++
			}
		}
	}
	share := float64(kept) / (laps * traces)
	if math.Abs(share-0.1) > 0.005 {
		t.Fatalf("a tenth should be kept, %.4f were", share)
	}
}

func TestExpectedCountsChanceAndCertainty(t *testing.T) {
	corpus := &Corpus{Traces: []Trace{{Spans: 6, Always: true, Calls: 3, CostPico: 7}, {Spans: 8, Calls: 4, CostPico: 9}}}
	got := corpus.expect(1, 1000, 0.1)
	if got.Spans != 14_000 || got.Calls != 7000 || got.CostPico != 16_000 {
		t.Fatalf("totals are wrong: %+v", got)
	}
	for _, kept := range []Kept{got.OTel, got.FNV} {
		lucky := kept.Traces - 1000
		if lucky < 60 || lucky > 140 || kept.Spans != 6000+8*lucky || kept.CostPico != 7000+9*int64(lucky) {
			t.Fatalf("kept is wrong: %+v", kept)
		}
	}
}

// The examples of the specification's table of thresholds.
func TestThresholdHasTheSpecifiedPrecision(t *testing.T) {
	for probability, want := range map[float64]uint64{
		0.5: 0x80000000000000, 0.1: 0xe6660000000000, 1. / 3: 0xaaab0000000000, 0.01: 0xfd70a000000000, 0.001: 0xffbe7700000000,
	} {
		if got := otelThreshold(probability); got != want {
			t.Errorf("threshold of %v is %014x, want %014x", probability, got, want)
		}
	}
}
