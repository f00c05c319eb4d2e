package main

import (
	"encoding/binary"
	"testing"
)

// A span with a parent, another attribute, and a cost of 0.25 USD, in a whole request.
func TestSinkCounts(t *testing.T) {
	double := append([]byte{0x21}, 0, 0, 0, 0, 0, 0, 0xd0, 0x3f)
	cost := message(9, append(message(1, []byte("gen_ai.usage.cost")), message(2, double)...))
	backwards := message(9, append(message(2, double), message(1, []byte("gen_ai.usage.cost"))...))
	other := message(9, append(message(1, []byte("x")), message(2, double)...))
	id := message(1, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7})
	span := append(append(append(id, message(4, make([]byte, 8))...), other...), cost...)
	root := append(id[:len(id):len(id)], backwards...)
	request := message(1, message(2, append(message(2, span), message(2, root)...)))
	var got Counts
	if err := (&sink{costKey: "gen_ai.usage.cost"}).count(request, &got); err != nil {
		t.Fatal(err)
	}
	want := Counts{Spans: 2, Roots: 1, Costs: 2, CostPico: 500_000_000_000, IDSum: 14}
	if got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if err := (&sink{}).count(request[:len(request)-1], &got); err == nil {
		t.Fatal("a truncated request was counted without an error")
	}
}

func message(number byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(body))), body...)
}
