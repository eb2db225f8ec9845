// Command bench measures the bridge against floors and peers, in one run on one
// machine, and prints tables of medians: `go run .` in deploy/bench. README.md
// beside it says what is measured and how to read it.
//
// It promises that every variant gets one core to itself and the load generator
// the others, that the variants take turns round by round, each time as a fresh
// process on an empty disk folder, that an answer which is not the expected one or
// a postback which is not stored ends the run with an error, and that no process
// is left when it ends. It does not make a machine quiet: what others took of it
// is printed.
//
// It is a module of its own, so that the product depends on nothing of the peer.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"devicebridge/deploy/bench/servers"
)

// serveCommand is the hidden subcommand by which the benchmark starts servers of
// its own; the argument after it is a servers.Config.
const serveCommand = "serve"

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is the end of main
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 2 && args[0] == serveCommand {
		return serve(ctx, args[1])
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	err = measure(ctx, o, stdout, stderr)
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing is left running")
	}
	return err
}

func serve(ctx context.Context, config string) error {
	var c servers.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return fmt.Errorf("the server's configuration: %w", err)
	}
	return servers.Run(ctx, c)
}
