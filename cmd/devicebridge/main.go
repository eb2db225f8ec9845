// Command devicebridge takes device commands from NATS, sends them through
// Microsoft Graph, receives Graph's postbacks and publishes what becomes of each
// command as NATS events.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is main without the process around it: it gives the exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly stop; from then on the default holds
	// again, so a second one ends the process at once.
	context.AfterFunc(ctx, stop)

	root := newRoot(environment(environ), stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errSilent) {
		_, _ = fmt.Fprintln(stderr, "devicebridge:", err)
	}
	return exitCode(err)
}
