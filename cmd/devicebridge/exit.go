package main

import (
	"errors"

	"devicebridge/events"
)

// The exit codes, documented in the README and in the help.
const (
	exitOK      = 0
	exitFailure = 1
	// exitUsage: the command line or the configuration is at fault.
	exitUsage = 2
	// exitRefused: the bridge refused the request, or NATS did not permit it.
	exitRefused = 3
	// exitUnavailable: no bridge answers, or it cannot store anything now.
	exitUnavailable = 4
	// exitNotCompleted: the command that was waited for ended otherwise than
	// completed, or had not ended when the wait was over.
	exitNotCompleted = 5
)

const exitHelp = `Exit codes: 0 done; 1 failed; 2 the command line or the configuration is at
fault; 3 the bridge refused the request, or NATS did not permit it; 4 no bridge
answers, or it cannot store now; 5 the command waited for has not completed.`

// usageError is a fault of the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// notCompletedError says how a command ended that was waited for, or where it
// stands when the wait is over.
type notCompletedError struct{ state events.State }

func (e notCompletedError) Error() string {
	text := "the command is " + string(e.state)
	if !e.state.Terminal() {
		text += " and has not ended yet"
	}
	return text
}

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[notCompletedError](err); ok {
		return exitNotCompleted
	}
	if refused, ok := errors.AsType[*events.Error](err); ok {
		if refused.Code == events.CodeUnavailable {
			return exitUnavailable
		}
		return exitRefused
	}
	return exitFailure
}
