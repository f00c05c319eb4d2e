// loadgen sends OTLP trace requests at full speed or at a fixed rate (`send`), and receives and counts them (`sink`).
// It is a process of its own, so that its work is not in the figure of the program under test, and written in Go, so
// that it is not the bottleneck: requests are encoded once by bench/corpus.py and only patched before each send.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: loadgen send|sink [flags]")
	}
	var err error
	switch os.Args[1] {
	case "send":
		err = runSend(os.Args[2:])
	case "sink":
		err = runSink(os.Args[2:])
	default:
		err = fmt.Errorf("no command %q; there are send and sink", os.Args[1])
	}
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "loadgen:", message)
	os.Exit(1)
}
