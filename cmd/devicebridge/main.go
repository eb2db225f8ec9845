// Command devicebridge takes device commands from NATS, sends them through
// Microsoft Graph, receives Graph's postbacks and publishes what becomes of each
// command as NATS events.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	log.SetOutput(libraryLog{os.Stderr})
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main without the process around it: it gives the exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly stop. When that begins, the default
	// holds again already, so a second one ends the process at once.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(signals, func() { stop(); cancel() })()

	root := newRoot(environment(environ), stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	// Several faults come in several lines. What is quoted may be somebody else's.
	for line := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintln(stderr, "devicebridge:", printable(line))
	}
	return exitCode(err)
}
