package main

import (
	"compress/gzip"
	"fmt"
	"io"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// rawCodec passes encoded messages through: requests are never decoded to objects, on neither side.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	raw, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("rawCodec got a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*raw)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	raw, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("rawCodec got a %T", v)
	}
	*raw = data.Materialize()
	return nil
}

// readyGzip names the wire format gzip but writes what it is given: the sender compresses before the clock starts.
// Replies are decompressed in earnest: servers answer in the encoding they were asked in.
type readyGzip struct{}

func (readyGzip) Name() string { return "gzip" }

func (readyGzip) Compress(w io.Writer) (io.WriteCloser, error) { return passThrough{w}, nil }

func (readyGzip) Decompress(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }

type passThrough struct{ io.Writer }

func (passThrough) Close() error { return nil }

func useReadyGzip() { encoding.RegisterCompressor(readyGzip{}) }
