package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// nats connects, and tells who the doctor is there and what JetStream can.
func (d *doctor) nats(ctx context.Context) (closing func()) {
	const check = "nats"
	o := busOptions(d.c.clientConfig, nil, quiet())
	o.Wait, o.Timeout = false, d.timeout
	b, err := bus.Connect(ctx, o)
	if err != nil {
		d.fail(check, "start the server, or set NATS_URL, and NATS_CREDS, NATS_NKEY or NATS_USER where it asks who you are; what rests on NATS is not checked", "%v", err)
		return func() {}
	}
	d.bus = b
	closing = func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = b.Close(stop)
	}
	i := b.Identity(ctx)
	if !i.CertificateEnds.IsZero() {
		d.certificates = append(d.certificates, certificate{"NATS server " + i.Server, i.CertificateEnds})
	}
	where := fmt.Sprintf("connected to %s (server %s, NATS %s)", i.URL, i.Server, i.Version)
	if i.Unknown == nil {
		d.ok(check, "%s as user %s in account %s", where, cmp.Or(i.User, "without a name"), cmp.Or(i.Account, "without a name"))
	} else {
		d.ok(check, "%s; as whom is not known: %v", where, i.Unknown)
	}
	d.jetStream(ctx)
	return closing
}

func (d *doctor) jetStream(ctx context.Context) {
	const check = "jetstream"
	have, need, err := d.bus.APILevel(ctx)
	switch {
	case denied(err):
		d.warn(check, "grant it to the doctor, not to callers", "the API level is not known: %v", err)
	case err != nil:
		d.fail(check, "enable JetStream for this account, and see that a majority of the servers runs", "%v", err)
	case have < need:
		d.fail(check, "the bridge needs NATS 2.12.1 or later on every server", "the API level is %d, needed is %d", have, need)
	case d.bus.ServerFault() != nil:
		d.fail(check, "connect to another server, or change that one", "%v", d.bus.ServerFault())
	default:
		d.ok(check, "API level %d", have)
	}
}

func denied(err error) bool {
	_, is := errors.AsType[*bus.DeniedError](err)
	return is
}

const roomHelp = "raise its size limit (BRIDGE_STREAM_MAX_BYTES), or shorten how long events are kept (BRIDGE_STREAM_MAX_AGE)"

// streams holds each stream against its declaration, and the clock of the server
// that answered against this machine's.
func (d *doctor) streams(ctx context.Context) {
	reports := d.bus.CompareStreams(ctx, streamOptions(d.c, nil))
	fine := 0
	for _, r := range reports {
		check := "stream " + r.Name
		switch {
		case denied(r.Err):
			d.warn(check, "grant it to the doctor, not to callers", "it may not be looked at: %v", r.Err)
		case r.Err != nil:
			d.fail(check, "see that a majority of the NATS servers runs, and what their logs say", "%v", r.Err)
		case r.Missing:
			d.fail(check, "start devicebridge serve on this NATS with this subject prefix ("+d.c.subjects.Prefix()+"), which makes it", "there is none")
		case r.Leaderless:
			d.fail(check, "see that a majority of the NATS servers runs", "it has no leader")
		case r.Matters != "":
			d.fail(check, "undo the change; a running bridge sets back what can be", "%s", r.Matters)
		case r.Full >= 0.99:
			d.fail(check, roomHelp, "it is %.0f %% full and takes no more", r.Full*100)
		case r.Full >= 0.8:
			d.warn(check, roomHelp, "it is %.0f %% full; the event stream takes no new commands from 80 %% on", r.Full*100)
		case r.Bounds != "" && !d.client:
			d.warn(check, "give the doctor the environment of the bridge, or start the bridge anew, which sets it", "%s", r.Bounds)
		default:
			fine++
		}
	}
	if fine == len(reports) {
		d.ok("streams", "all %d are as declared", fine)
	}
	d.consumers(ctx)
	d.captures(ctx)
	if i := slices.IndexFunc(reports, func(r bus.StreamReport) bool { return r.Ahead != 0 }); i >= 0 {
		d.clock("clock of NATS", reports[i].Ahead)
	}
}

// consumers holds each consumer that the bridge works from against its declaration. One
// that is missing is no finding: a bridge that runs makes it, and whether one runs is
// told by the check of the replicas.
func (d *doctor) consumers(ctx context.Context) {
	fine := true
	for _, r := range d.bus.CompareConsumers(ctx) {
		check := "consumer " + r.Name
		switch {
		case denied(r.Err):
			d.warn(check, "grant it to the doctor, not to callers", "it may not be looked at: %v", r.Err)
		case r.Err != nil:
			d.fail(check, "see that a majority of the NATS servers runs, and what their logs say", "%v", r.Err)
		case r.Matters != "":
			d.fail(check, "a running bridge sets it back within seconds; where it does not, delete the consumer of "+r.Stream+", which loses nothing", "%s", r.Matters)
		case !r.PausedUntil.IsZero():
			d.warn(check, "let the pause end, or end it: nats consumer resume "+r.Stream+" "+r.Name, "it is paused until %s: what it delivers waits", r.PausedUntil.UTC().Format(time.RFC3339))
		}
		fine = fine && r.Err == nil && !r.Missing && r.Matters == "" && r.PausedUntil.IsZero()
	}
	if fine {
		d.ok("consumers", "all of the bridge's are as declared")
	}
}

// captures names the streams of others that listen on requests or on live events.
func (d *doctor) captures(ctx context.Context) {
	found, err := d.bus.Captures(ctx)
	if err != nil {
		d.warn("other streams", "grant it to the doctor, not to callers", "which streams of others listen on the bridge's subjects is not known: %v", err)
		return
	}
	for _, c := range found {
		if c.Events {
			d.warn("stream "+c.Stream, "give it "+d.c.subjects.EventStream()+" as a source or a mirror", "%s", c)
			continue
		}
		d.fail("stream "+c.Stream, "take the subject out of the stream; until then callers take JetStream's acknowledgement for the bridge's answer", "%s", c)
	}
}

// clock judges how far another clock is from this one. Nothing that the bridge
// promises compares two clocks, but callbacks and tokens end by them, with minutes
// of leeway.
func (d *doctor) clock(check string, ahead time.Duration) {
	text := fmt.Sprintf("%s ahead of this machine's", ahead.Round(time.Millisecond))
	if ahead < 0 {
		text = fmt.Sprintf("%s behind this machine's", (-ahead).Round(time.Millisecond))
	}
	const help = "have every machine follow a time server"
	switch far := ahead.Abs(); {
	case far >= 2*time.Minute:
		d.fail(check, help, "%s", text)
	case far >= 5*time.Second:
		d.warn(check, help, "%s", text)
	default:
		d.ok(check, "%s", text)
	}
}

// bridges tells which replicas answer, and whether they are alike.
func (d *doctor) bridges(ctx context.Context) {
	const check = "replicas"
	all, err := d.bus.Replicas(ctx)
	if d.hidden = denied(err); d.hidden {
		d.warn(check, "grant it to the doctor, not to callers", "%v", err)
		return
	}
	var versions, others []string
	var ours []bus.Replica
	for _, r := range all {
		if r.Prefix != d.c.subjects.Prefix() {
			others = append(others, cmp.Or(r.Prefix, "another form"))
			continue
		}
		d.replicas++
		ours = append(ours, r)
		versions = append(versions, r.Version)
	}
	defer d.standings(ours)
	slices.Sort(versions)
	versions = slices.Compact(versions)
	switch {
	case d.replicas == 0 && len(others) > 0:
		d.fail(check, "set BRIDGE_SUBJECT_PREFIX as the bridge has it", "no bridge answers under %s; those that do are under %s", d.c.subjects.Prefix(), strings.Join(others, ", "))
	case d.replicas == 0:
		d.fail(check, "start devicebridge serve on this NATS; see what it logs", "no bridge answers under %s", d.c.subjects.Prefix())
	case len(versions) > 1:
		d.warn(check, "finish the upgrade; until then they share the work", "%d answer, of the versions %s", d.replicas, strings.Join(versions, ", "))
	default:
		d.ok(check, "%d under %s, of version %s", d.replicas, d.c.subjects.Prefix(), versions[0])
	}
}

// signedIn asks the bridge how it signs in to Graph.
func (d *doctor) signedIn(ctx context.Context) {
	const check = "sign-in"
	if d.replicas == 0 && !d.hidden {
		d.fail(check, "see the check of the replicas", "not known, since no bridge answers")
		return
	}
	var reply events.SignInReply
	if err := d.bus.Request(ctx, "signin.get", struct{}{}, &reply, 0); err != nil {
		d.fail(check, "see the check of the replicas; a caller needs the permission to publish to "+d.c.subjects.Service("signin.get"), "%v", err)
		return
	}
	d.signIn = &reply.SignIn
	if s := reply.SignIn; s.State != string(signin.Usable) {
		d.fail(check, "until there is a token commands wait, unclaimed; see devicebridge whoami", "%s, %s: %s", s.Mode, s.State, s.Reason)
		return
	}
	d.ok(check, "%s, usable", reply.SignIn.Mode)
}
