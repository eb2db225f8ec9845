package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"devicebridge/bridge/policy"
	"devicebridge/events"
)

// policyEvery is how often the policy file is looked at. Its content is compared,
// which also sees through the links that Kubernetes swaps.
const policyEvery = 2 * time.Second

// maxReason bounds what is told of a file's faults at a time, in bytes.
const maxReason = 1024

// policyFile is the policy file while the bridge runs. A content is judged when
// two looks have found the same: one may be in the middle of being written.
type policyFile struct {
	name      string
	variables policy.Settings
	live      *policy.Live
	operator  *operator
	log       *slog.Logger
	// inForce names the content that is in force, seen what the last look found, and
	// judged what was judged last: a digest, or why there was no content.
	inForce, seen, judged string
}

// policy gives the policy in force, and has its file followed if there is one.
func (m *composer) policy() *policy.Live {
	c := m.c.Policy
	live := policy.NewLive(c.atStart)
	if c.File == "" {
		return live
	}
	f := &policyFile{
		name: c.File, variables: c.variables, live: live, operator: m.operator, log: m.log,
		inForce: c.digest, seen: c.digest, judged: c.digest,
	}
	m.log.Info("policy in force", "file", f.name, "sha256", f.inForce)
	m.parts.run(done(f.follow))
	return live
}

// follow looks at the file until ctx ends.
func (f *policyFile) follow(ctx context.Context) {
	ticker := time.NewTicker(policyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.look()
		case <-ctx.Done():
			return
		}
	}
}

// look puts a changed file in force, or leaves the policy before in force where
// the file has a fault.
func (f *policyFile) look() {
	content, err := readPolicyFile(f.name)
	found := digestOf(content)
	if err != nil {
		found = err.Error()
	}
	before := f.seen
	if f.seen = found; found != before || found == f.judged {
		return
	}
	f.judged = found
	if err == nil {
		var p *policy.Policy
		if p, err = policyOf(content, f.variables); err == nil {
			f.take(p, found)
			return
		}
	}
	f.refuse(err)
}

func (f *policyFile) take(p *policy.Policy, digest string) {
	f.live.Replace(p)
	f.log.Info("policy in force", "file", f.name, "sha256", digest, "before", f.inForce)
	f.inForce = digest
	f.operator.recovered(conditionPolicy)
	f.operator.metrics.observePolicy(true)
}

func (f *policyFile) refuse(err error) {
	reason := events.Truncate(strings.ReplaceAll(err.Error(), "\n", "; "), maxReason)
	f.log.Error("the policy file is at fault and is not used; the policy before stays in force until it is mended; `devicebridge policy check` shows all faults",
		"file", f.name, "sha256_in_force", f.inForce, "error", reason)
	f.operator.degrade(conditionPolicy, f.name+" is at fault and is not used ("+reason+"): the policy before stays in force")
	f.operator.metrics.observePolicy(false)
}
