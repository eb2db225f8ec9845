package emulator

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// maxSteps bounds a script, and with it the postbacks one command may have waiting.
const maxSteps = 1000

// Step is one status that a command takes on after the answer to its POST.
type Step struct {
	// Status is one of Statuses, in exactly that spelling, unless Custom is set.
	Status string
	// After is the wait before this step. Zero means Options.StepDelay; a negative value means at once.
	After time.Duration
	// Error is the text of the command's error member while it is in this status. Empty means null.
	Error string
	// Custom says that Status is a text Graph does not document, on purpose. Without it a misspelt
	// status in a script would look like a finding about the client.
	Custom bool
}

// DefaultScript gives what follows "requesting" on a device without a script of its own:
// sentToTarget, executing, completed.
func DefaultScript() []Step {
	return []Step{{Status: StatusSentToTarget}, {Status: StatusExecuting}, {Status: StatusCompleted}}
}

// validate says what is wrong with the step; every message begins with name.
func (s Step) validate(name string) error {
	switch {
	case s.Status == "":
		return fmt.Errorf("%s.Status: must not be empty", name)
	case !utf8.ValidString(s.Status):
		return fmt.Errorf("%s.Status: must be UTF-8", name)
	case !s.Custom && !slices.Contains(Statuses(), s.Status):
		return fmt.Errorf("%s.Status: %q is not a documented status; set Custom to send it all the same", name, s.Status)
	}
	return nil
}

func validateScript(name string, script []Step) error {
	if len(script) > maxSteps {
		return fmt.Errorf("%s: %d steps, at most %d are allowed", name, len(script), maxSteps)
	}
	var errs []error
	for i, s := range script {
		errs = append(errs, s.validate(fmt.Sprintf("%s[%d]", name, i)))
	}
	return errors.Join(errs...)
}
