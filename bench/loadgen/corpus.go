package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Corpus is what bench/corpus.py wrote: requests encoded once, where to patch them, and what each trace must give.
// Sending all requests once is a lap; traces never cross the end of a lap, but may cross requests inside it.
type Corpus struct {
	Traces   []Trace   `json:"traces"`
	Requests []Request `json:"requests"`
	blob     []byte
}

// Trace is the truth about one trace of the corpus.
type Trace struct {
	Spans    int   `json:"spans"`
	Always   bool  `json:"always"`    // kept by a policy that is no matter of chance (error, slow)
	Calls    int   `json:"calls"`     // model calls in it
	CostPico int64 `json:"cost_pico"` // exact cost of them, in 1e-12 USD
}

// Request is one encoded ExportTraceServiceRequest and its places to patch, as byte offsets into it.
type Request struct {
	Offset      int        `json:"offset"`
	Length      int        `json:"length"`
	Spans       int        `json:"spans"`
	TraceIDs    [][2]int   `json:"trace_ids"`    // offset of 16 bytes, trace index
	ResponseIDs [][3]int   `json:"response_ids"` // offset of 32 hex digits, trace index, number in the trace
	Times       [][2]int64 `json:"times"`        // offset of a fixed64, nanoseconds to add to "now"
}

func loadCorpus(dir string) (*Corpus, error) {
	index, err := os.ReadFile(filepath.Join(dir, "corpus.json"))
	if err != nil {
		return nil, err
	}
	corpus := &Corpus{}
	if err := json.Unmarshal(index, corpus); err != nil {
		return nil, fmt.Errorf("corpus.json: %w", err)
	}
	if corpus.blob, err = os.ReadFile(filepath.Join(dir, "corpus.bin")); err != nil {
		return nil, err
	}
	if len(corpus.Requests) == 0 || len(corpus.Traces) == 0 {
		return nil, fmt.Errorf("corpus in %s is empty", dir)
	}
	return corpus, nil
}
