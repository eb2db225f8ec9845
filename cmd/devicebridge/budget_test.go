package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestAStopHasOneBudget: whatever its first steps took, the last one ends when the
// budget that began with the first is spent, also where the caller's context ended
// long before.
func TestAStopHasOneBudget(t *testing.T) {
	for _, test := range []struct{ most, work time.Duration }{
		{45 * time.Second, 40 * time.Second},
		{time.Minute, 55 * time.Second},
		{10 * time.Second, 8 * time.Second},
		{time.Second, 800 * time.Millisecond},
	} {
		t.Run(test.most.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended, end := context.WithCancel(t.Context())
				end()
				stop := &budget{most: test.most}
				<-time.After(time.Hour) // it does not run before the stop begins
				began := time.Now()
				working, cancel := stop.toFinish(ended)
				defer cancel()
				<-working.Done()
				if took := time.Since(began); took != test.work || stop.work() != test.work {
					t.Errorf("what is under way may take %s, and is told %s; want %s", took, stop.work(), test.work)
				}
				closing, cancel := stop.toClose(ended)
				defer cancel()
				if closing.Err() != nil {
					t.Error("nothing is left for the connection")
				}
				<-closing.Done()
				if took := time.Since(began); took != test.most {
					t.Errorf("the stop may take %s, want %s", took, test.most)
				}
			})
		})
	}
}
