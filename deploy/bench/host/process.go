package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Program says how to start a process.
type Program struct {
	Path string
	Args []string
	// Vars is its whole environment beside GOMAXPROCS=1.
	Vars map[string]string
	// Dir takes its output, in the file <Name>.log.
	Dir, Name string
}

// Process is a running program.
type Process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	// Started is when it was started.
	Started time.Time
}

// Start starts p on the server's core.
func (c Cores) Start(p Program) (*Process, error) {
	name := filepath.Join(p.Dir, p.Name+".log")
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log of %s: %w", p.Name, err)
	}
	defer func() { _ = log.Close() }()     // the child has its own
	cmd := exec.Command(p.Path, p.Args...) //nolint:gosec,noctx // the programs are the benchmark's own; Stop ends them
	cmd.Env = []string{"GOMAXPROCS=1"}
	for name, value := range p.Vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = log, log
	s := &Process{cmd: cmd, log: name, exited: make(chan struct{}), Started: time.Now()}
	if err := c.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(s.exited)
	}()
	return s, nil
}

// Ready asks every millisecond until ask succeeds and gives the time since the
// start.
func (p *Process) Ready(ctx context.Context, ask func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return time.Since(p.Started), nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return 0, fmt.Errorf("%s ended (%v) before it was ready: %s", p.cmd.Path, p.cmd.ProcessState, p.Tail())
		case <-ctx.Done():
			return 0, errors.Join(ctx.Err(), fmt.Errorf("%s is not ready: %w: %s", p.cmd.Path, err, p.Tail()))
		}
	}
}

// Stop kills it and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// Alive says whether it still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Tail gives the end of its log.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}
