package proof

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// program is a child process that can be ended and started again. Its methods are
// for one goroutine at a time.
type program struct {
	name string
	path string
	args []string
	// vars is its whole environment.
	vars map[string]string
	// ready is in the line by which it says that it is ready.
	ready string

	runs []*run
}

// run is one life of a program.
type run struct {
	cmd    *exec.Cmd
	log    *transcript
	exited chan struct{}
}

// newProgram gives a program that has not started. When the test ends it is
// killed, and its log shown if the test failed.
func newProgram(t testing.TB, p program) *program {
	t.Helper()
	t.Cleanup(func() {
		p.kill()
		p.show(t)
	})
	return &p
}

// launch starts it without waiting; more is added to its environment for this
// run.
func (p *program) launch(more map[string]string) error {
	vars := maps.Clone(p.vars)
	if vars == nil {
		vars = map[string]string{}
	}
	maps.Copy(vars, more)
	r := &run{cmd: exec.Command(p.path, p.args...), log: newTranscript(), exited: make(chan struct{})}
	r.cmd.Env = []string{}
	for name, value := range vars {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	r.cmd.SysProcAttr = childAttributes()
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.runs = append(p.runs, r)
	go func() {
		_ = r.cmd.Wait() // how it ended is in ProcessState
		close(r.exited)
	}()
	return nil
}

// start launches it and waits until it is ready. It fails when the process ends
// before that.
func (p *program) start(ctx context.Context, more map[string]string) error {
	if err := p.launch(more); err != nil {
		return err
	}
	_, err := p.await(ctx, p.ready)
	return err
}

// await gives the line of this run that holds words.
func (p *program) await(ctx context.Context, words string) (string, error) {
	r := p.current()
	line, found := r.log.await(ctx, r.exited, words)
	if found {
		return line, nil
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("%s did not say %q: %w", p.name, words, err)
	}
	return "", fmt.Errorf("%s ended (%v) without saying %q; its last lines:\n%s",
		p.name, r.cmd.ProcessState, words, strings.Join(r.log.tail(5), "\n"))
}

// current is the run under way or, between two, the last; nil before the first.
func (p *program) current() *run {
	if len(p.runs) == 0 {
		return nil
	}
	return p.runs[len(p.runs)-1]
}

// exited is closed when the current run has ended.
func (p *program) exited() <-chan struct{} { return p.current().exited }

// over says whether the current run has ended.
func (p *program) over() bool {
	select {
	case <-p.exited():
		return true
	default:
		return false
	}
}

// end waits for the end of the current run, which something else brings about,
// and tells how it ended: Signaled and Signal after a kill.
func (p *program) end(ctx context.Context) (syscall.WaitStatus, error) {
	r := p.current()
	select {
	case <-r.exited:
		return r.cmd.ProcessState.Sys().(syscall.WaitStatus), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s has not ended: %w", p.name, ctx.Err())
	}
}

// kill ends the current run with SIGKILL, if it still runs, and waits for that.
func (p *program) kill() {
	if r := p.current(); r != nil {
		_ = r.cmd.Process.Kill() // it may have ended already
		<-r.exited
	}
}

// signal sends SIGSTOP, SIGCONT, SIGTERM or another; nothing to one that ended.
func (p *program) signal(s syscall.Signal) error {
	r := p.current()
	if err := r.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %s: %w", p.name, s, err)
	}
	return nil
}

// show prints the end of the log of a failed test. What no run may ever write
// fails the test.
func (p *program) show(t testing.TB) {
	for i, r := range p.runs {
		for _, words := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
			if line, found, _ := r.log.find(words); found {
				t.Errorf("%s, run %d: %s\n%s", p.name, i+1, line, strings.Join(r.log.tail(60), "\n"))
			}
		}
		if *verbose {
			t.Logf("%s, run %d of %d:\n%s", p.name, i+1, len(p.runs), strings.Join(r.log.tail(1_000_000), "\n"))
		}
	}
	if r := p.current(); r != nil && t.Failed() && !*verbose {
		t.Logf("%s, run %d: its last lines:\n%s", p.name, len(p.runs), strings.Join(r.log.tail(20), "\n"))
	}
}
