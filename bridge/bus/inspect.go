package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// DeniedError says that the server does not let this connection ask something.
type DeniedError struct {
	// Subject is where it may not publish.
	Subject string
}

func (e *DeniedError) Error() string {
	return "the permission to publish to " + e.Subject + " is missing"
}

// Identity is a connection as its server sees it.
type Identity struct {
	// URL is the address in use, without credentials; Server, Version and Cluster are
	// the server's own words for itself.
	URL, Server, Version, Cluster string
	// User and Account are whom the server takes this connection for; empty where
	// Unknown says why that could not be asked.
	User, Account string
	Unknown       error
	// CertificateEnds is when the server's certificate expires; zero without TLS.
	CertificateEnds time.Time
}

// Identity asks the server who this connection is, by the subject
// $SYS.REQ.USER.INFO, which every account has unless its permissions leave it out.
func (b *Bus) Identity(ctx context.Context) Identity {
	i := Identity{
		URL: b.URL(), Server: b.nc.ConnectedServerName(), Version: b.nc.ConnectedServerVersion(), Cluster: b.nc.ConnectedClusterName(),
	}
	if state, err := b.nc.TLSConnectionState(); err == nil && len(state.PeerCertificates) > 0 {
		i.CertificateEnds = state.PeerCertificates[0].NotAfter
	}
	var reply struct {
		Data struct{ User, Account string }
	}
	if i.Unknown = b.inquire(ctx, "$SYS.REQ.USER.INFO", &reply); i.Unknown == nil {
		i.User, i.Account = reply.Data.User, reply.Data.Account
	}
	return i
}

// APILevel gives the level of the JetStream API and the least that the bridge
// needs. Errors: *DeniedError, or that nobody answers.
func (b *Bus) APILevel(ctx context.Context) (have, need int, err error) {
	var reply struct {
		Error *jetstream.APIError
		jetstream.AccountInfo
	}
	if err := b.inquire(ctx, "$JS.API.INFO", &reply); err != nil {
		return 0, minAPILevel, err
	}
	if reply.Error != nil {
		return 0, minAPILevel, reply.Error
	}
	return reply.API.Level, minAPILevel, nil
}

// StreamReport is a stream held against its declaration.
type StreamReport struct {
	Name string
	// Err: it could not be looked at. A *DeniedError names the permission.
	Err     error
	Missing bool
	// Matters tells what differs of what the bridge's promises rest on, Bounds what
	// differs of how much is kept, how long and on how many servers; empty: nothing.
	Matters, Bounds string
	// Leaderless: its cluster has no leader for it.
	Leaderless bool
	// Full is how full it is, 0 to 1 of its size limit; 0 where the oldest gives way.
	Full float64
	// Ahead is by how much the server's clock is ahead of this machine's, give or
	// take half of the time that the question took.
	Ahead time.Duration
}

// CompareStreams holds each stream that the bridge needs against its declaration,
// changing nothing. A size limit is compared only where o has one: what it is
// otherwise depends on the server.
func (b *Bus) CompareStreams(ctx context.Context, o StreamOptions) []StreamReport {
	streams := declared(b.subjects, o)
	reports := make([]StreamReport, 0, len(streams))
	for _, want := range streams {
		reports = append(reports, b.compareStream(ctx, want, o.MaxBytes != 0))
	}
	return reports
}

func (b *Bus) compareStream(ctx context.Context, want jetstream.StreamConfig, size bool) StreamReport {
	report := StreamReport{Name: want.Name}
	var reply struct {
		Error *jetstream.APIError
		jetstream.StreamInfo
	}
	asked := time.Now()
	report.Err = b.inquire(ctx, "$JS.API.STREAM.INFO."+want.Name, &reply)
	took := time.Since(asked)
	switch {
	case report.Err != nil:
		return report
	case reply.Error != nil && reply.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		report.Missing = true
		return report
	case reply.Error != nil:
		report.Err = reply.Error
		return report
	}
	d := differing{have: reply.Config, want: want, found: only(compare(reply.Config, want), func(d difference) bool { return size || d.name != "max bytes" })}
	report.Matters, report.Bounds = describe(d.matter()), describe(only(d.found, difference.bounds))
	report.Leaderless = reply.Cluster != nil && reply.Cluster.Leader == ""
	if want.Discard == jetstream.DiscardNew { // else the oldest gives way
		report.Full = fill(&reply.StreamInfo)
	}
	if !reply.TimeStamp.IsZero() {
		report.Ahead = reply.TimeStamp.Sub(asked.Add(took / 2))
	}
	return report
}

// Replica is one bridge that answers on this NATS.
type Replica struct {
	// ID is the service's, another for each start; Version is the bridge's.
	ID, Version string
	// Prefix is the subject prefix that it answers under.
	Prefix string
	// Standing is what it says of itself; nil of a version that says nothing.
	Standing *events.Standing
}

// Replicas gives every bridge that tells of itself on this NATS, of any prefix. It
// waits for them for half a second after the last.
func (b *Bus) Replicas(ctx context.Context) ([]Replica, error) {
	next, stop, err := b.question(ctx, "$SRV.STATS."+ServiceName)
	if err != nil {
		return nil, err
	}
	defer stop()
	var list []Replica
	for {
		patience, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		msg, err := next(patience)
		cancel()
		switch {
		case err != nil && len(list) == 0 && !errors.Is(err, context.DeadlineExceeded):
			return nil, err
		case err != nil:
			return list, nil
		}
		var info struct {
			ID, Version string
			Endpoints   []struct {
				Subject string
				Data    *events.Standing
			}
		}
		if err := json.Unmarshal(msg.Data, &info); err != nil {
			continue // somebody else's
		}
		r := Replica{ID: info.ID, Version: info.Version}
		for _, e := range info.Endpoints {
			if prefix, found := strings.CutSuffix(e.Subject, "."+standingEndpoint); found {
				r.Prefix, r.Standing = prefix, e.Data
			}
		}
		list = append(list, r)
	}
}

// inquire asks a service of the server and reads the answer into reply.
func (b *Bus) inquire(ctx context.Context, subject string, reply any) error {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	next, stop, err := b.question(ctx, subject)
	if err != nil {
		return err
	}
	defer stop()
	msg, err := next(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(msg.Data, reply); err != nil {
		return fmt.Errorf("the answer on %s is not as expected: %w", subject, err)
	}
	return nil
}

// question sends an empty request to a subject. next gives an answer, stop ends the
// wait for more. Where the server refuses the request that is known at once: its
// refusal comes before the answer to a flush.
func (b *Bus) question(ctx context.Context, subject string) (next func(context.Context) (*nats.Msg, error), stop func(), err error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	inbox := b.nc.NewInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, nil, fmt.Errorf("ask on %s: %w", subject, err)
	}
	stop = func() { _ = sub.Unsubscribe() }
	if err := errors.Join(b.nc.PublishRequest(subject, inbox, nil), b.nc.FlushWithContext(ctx)); err != nil {
		stop()
		return nil, nil, fmt.Errorf("ask on %s: %w", subject, err)
	}
	if err := b.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), subject) {
		stop()
		return nil, nil, &DeniedError{Subject: subject}
	}
	next = func(ctx context.Context) (*nats.Msg, error) {
		msg, err := sub.NextMsgWithContext(ctx)
		if err == nil && msg.Header.Get("Status") == "503" {
			err = nats.ErrNoResponders
		}
		if err != nil {
			return nil, fmt.Errorf("no answer on %s: %w", subject, cmp.Or(context.Cause(ctx), err))
		}
		return msg, nil
	}
	return next, stop, nil
}
