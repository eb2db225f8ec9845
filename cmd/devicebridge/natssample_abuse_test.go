package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// The streams as a NATS client spells them.
const (
	natsEvents    = "DEVICEBRIDGE_V1_EVENTS"
	natsIntake    = "DEVICEBRIDGE_V1_INTAKE"
	natsTimers    = "DEVICEBRIDGE_V1_TIMERS"
	natsInventory = "DEVICEBRIDGE_V1_INVENTORY"
	natsObjects   = "OBJ_DEVICEBRIDGE_V1_RESPONSES"
	natsState     = "KV_DEVICEBRIDGE_V1_STATE"
)

// quietSample is the sample with a bridge that has one command and does nothing by
// itself.
func quietSample(t *testing.T) *natsSample {
	t.Helper()
	s := startNATSSample(t)
	b := cliStartWith(t, emulator.Options{}, s.bridgeVars(map[string]string{
		"BRIDGE_DISPATCH": "paused", "BRIDGE_SWEEP_EVERY": "1h", "BRIDGE_DIRECTORY": "read", "BRIDGE_INVENTORY": "on", "BRIDGE_INVENTORY_EVERY": "1h",
	}))
	maps.Copy(b.vars, s.vars("requester"))
	b.ok("send", "--device", cliStays, "--uri", "x:y")
	return s
}

// forged is the command that the attacks are about.
func forged() string { return events.RequestCommandID("forged") }

// holdings is what nobody but the bridge may change, as the operator sees it.
func (s *natsSample) holdings() string {
	s.t.Helper()
	_, js := s.as("operator")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var all []any
	for _, name := range []string{natsEvents, natsIntake, natsTimers, natsInventory, natsObjects, natsState} {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return name + ": " + err.Error()
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
		if err != nil {
			return name + ": " + err.Error()
		}
		// The intake is for requesters, and a bad request becomes an event.
		var subjects []string
		for subject := range info.State.Subjects {
			if name != natsIntake && !strings.HasSuffix(subject, ".rejected") {
				subjects = append(subjects, subject)
			}
		}
		slices.Sort(subjects)
		all = append(all, info.Config, info.Created, subjects)
		consumers := stream.ListConsumers(ctx)
		for c := range consumers.Info() {
			if slices.Contains([]string{"dispatch", "intake", "timers"}, c.Name) {
				all = append(all, c.Config, c.Created)
			}
		}
		if err := consumers.Err(); err != nil {
			return name + ": " + err.Error()
		}
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// mayPublish and maySubscribe ask the server whether it refuses: it says so before
// it answers the ping of a flush.
func (s *natsSample) mayPublish(user, subject string) bool {
	s.t.Helper()
	nc, _ := s.as(user)
	if err := nc.Publish(subject, nil); err != nil {
		s.t.Fatal(err)
	}
	return s.refused(nc)
}

func (s *natsSample) maySubscribe(user, subject string) bool {
	s.t.Helper()
	nc, _ := s.as(user)
	if _, err := nc.SubscribeSync(subject); err != nil {
		s.t.Fatal(err)
	}
	return s.refused(nc)
}

func (s *natsSample) refused(nc *nats.Conn) bool {
	s.t.Helper()
	if err := nc.FlushTimeout(time.Minute); err != nil {
		s.t.Fatal(err)
	}
	err := nc.LastError()
	if err != nil && !errors.Is(err, nats.ErrPermissionViolation) {
		s.t.Fatal(err)
	}
	return err == nil
}

// harm are the subjects on which nobody but the bridge, or the server, publishes.
func harm() []string {
	return []string{
		"devicebridge.v1.append." + forged() + ".device.completed", "devicebridge.v1.events." + forged() + ".device.completed",
		"devicebridge.v1.append.inventory.device.a.created", "devicebridge.v1.append.inventory.cursor", "devicebridge.v1.inventory.a.created",
		"devicebridge.v1.timers.at." + forged(), "devicebridge.v1.timers.ask." + forged(), "devicebridge.v1.timers.due." + forged(),
		"$O.DEVICEBRIDGE_V1_RESPONSES.C.id", "$O.DEVICEBRIDGE_V1_RESPONSES.M.bmFtZQ==", "$KV.DEVICEBRIDGE_V1_STATE.signin",
		"$JS.API.STREAM.DELETE." + natsEvents, "$JS.API.STREAM.PURGE." + natsEvents, "$JS.API.STREAM.UPDATE." + natsEvents,
		"$JS.API.STREAM.MSG.DELETE." + natsEvents, "$JS.API.STREAM.RESTORE." + natsEvents, "$JS.API.STREAM.CREATE.MINE",
		"$JS.API.STREAM.DELETE." + natsIntake, "$JS.API.STREAM.PURGE." + natsTimers, "$JS.API.STREAM.DELETE." + natsObjects,
		"$JS.API.STREAM.MSG.GET." + natsState, "$JS.API.DIRECT.GET." + natsState, "$JS.API.DIRECT.GET." + natsState + ".$KV.DEVICEBRIDGE_V1_STATE.signin",
		"$JS.API.CONSUMER.CREATE." + natsState + ".mine", "$JS.API.CONSUMER.CREATE." + natsInventory + ".mine", "$JS.API.CONSUMER.CREATE." + natsIntake + ".mine",
		"$JS.API.CONSUMER.DELETE." + natsEvents + ".dispatch", "$JS.API.CONSUMER.DELETE." + natsIntake + ".intake", "$JS.API.CONSUMER.DELETE." + natsTimers + ".timers",
		"$JS.API.CONSUMER.CREATE." + natsEvents + ".dispatch.devicebridge.v1.events.>", "$JS.API.CONSUMER.MSG.NEXT." + natsEvents + ".dispatch",
		"$JS.API.CONSUMER.MSG.NEXT." + natsIntake + ".intake", "$JS.ACK." + natsEvents + ".dispatch.1.1.1.1.0", "$JS.ACK." + natsIntake + ".intake.1.1.1.1.0",
		"$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.BRIDGE.CONNZ", "_INBOX.somebody", "_R_.somebody", "other.v1.commands.send",
	}
}

// TestNATSSamplePermissions is fault case 40: what each may not, with what it may
// as the control.
func TestNATSSamplePermissions(t *testing.T) {
	s := quietSample(t)
	before := s.holdings()
	more := map[string][]string{
		"requester": {
			"devicebridge.v1.commands.quarantine", "devicebridge.v1.commands.erase", "devicebridge.v1.signin.replace", "devicebridge.v1.signin.get", "devicebridge.v1.directory.devices.list",
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO." + natsEvents, "$JS.API.STREAM.MSG.GET." + natsEvents,
			"$JS.API.CONSUMER.CREATE." + natsEvents + ".mine", "$SRV.PING",
		},
		"subscriber": {
			"devicebridge.v1.commands.send", "devicebridge.v1.intake.send", "devicebridge.v1.callbacks.create", "devicebridge.v1.signin.replace",
			"$JS.API.CONSUMER.CREATE." + natsEvents + ".reports", "$JS.API.CONSUMER.CREATE." + natsEvents + ".other.devicebridge.v1.events.>",
			"$JS.API.CONSUMER.DELETE." + natsEvents + ".other", "$JS.API.STREAM.MSG.GET." + natsEvents, "$JS.ACK." + natsEvents + ".other.1.1.1.1.0",
			"$JS.API.STREAM.SNAPSHOT." + natsEvents, "$JS.API.STREAM.INFO." + natsIntake, "$SRV.PING",
		},
		"backup": {
			"devicebridge.v1.commands.send", "devicebridge.v1.intake.send", "$JS.API.STREAM.MSG.GET." + natsEvents, "$JS.API.CONSUMER.CREATE." + natsEvents + ".mine",
		},
	}
	for user, subjects := range more {
		for _, subject := range append(subjects, harm()...) {
			if s.mayPublish(user, subject) {
				t.Errorf("the %s may publish to %s", user, subject)
			}
		}
	}
	// The operator's API is bound by what its account imports: what it lacks, nobody answers.
	operator, _ := s.as("operator")
	for _, subject := range append(harm(), "$JS.API.STREAM.SNAPSHOT."+natsEvents) {
		if !s.mayPublish("operator", subject) {
			continue
		}
		if answer, err := operator.Request(subject, []byte("{}"), time.Minute); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s is answered to the operator: %+v, %v", subject, answer, err)
		}
	}
	for _, subject := range []string{
		"devicebridge.v1.events." + forged() + ".device.completed", "devicebridge.v1.commands.send", "devicebridge.v1.intake.send", "$JS.API.INFO",
		"devicebridge.v1.append.inventory.other", "$JS.API.STREAM.DELETE." + natsEvents, "$JS.API.STREAM.PURGE." + natsEvents, "$JS.API.STREAM.MSG.DELETE.DEVICEBRIDGE_V1_INTAKE",
		"$JS.API.STREAM.MSG.DELETE.DEVICEBRIDGE_V1_INVENTORY", "$JS.API.STREAM.MSG.DELETE.KV_DEVICEBRIDGE_V1_STATE", "$JS.API.STREAM.SNAPSHOT." + natsEvents, "$JS.API.STREAM.RESTORE." + natsEvents, "$JS.API.STREAM.CREATE.OTHER", "$JS.API.CONSUMER.DELETE." + natsEvents + ".reports",
		"$JS.ACK." + natsEvents + ".reports.1.1.1.1.0", "_INBOX.somebody", "$SYS.REQ.SERVER.PING", "anything",
	} {
		if allowed := s.mayPublish("bridge", subject); allowed != (subject == "$JS.API.INFO") {
			t.Errorf("the bridge publishes to %s: %t", subject, allowed)
		}
	}
	if len(s.denied()) == 0 {
		t.Error("the control: what is denied to the bridge is not seen, so that no other test would see it")
	}

	subscribes := map[string][2][]string{ // may, may not
		"requester": {{"_INBOX.mine.*"}, {
			"devicebridge.v1.events.>", "devicebridge.v1.commands.>", "devicebridge.v1.commands.send", "devicebridge.v1.intake.send", "devicebridge.v1.append.>",
			"devicebridge.v1.timers.>", "$KV.>", "$O.>", "$JS.>", "$SRV.>", "_R_.>", ">", "$SYS.>",
		}},
		"subscriber": {{"_INBOX.mine.*", "devicebridge.v1.events.>", "devicebridge.v1.inventory.>"}, {
			"devicebridge.v1.commands.>", "devicebridge.v1.intake.send", "devicebridge.v1.append.>", "devicebridge.v1.timers.>", "$KV.>", "$O.>", "$JS.>", "$SRV.>", ">",
		}},
		"operator": {{"_INBOX.mine.*", "devicebridge.v1.events.>"}, {"_INBOX_BACKUP.mine", "devicebridge.v1.commands.>", "devicebridge.v1.append.>", "$KV.>", "$JS.>", "$SRV.>", ">"}},
		"backup":   {{"_INBOX_BACKUP.mine"}, {"_INBOX.mine", "devicebridge.v1.events.>", "devicebridge.v1.append.>", ">"}},
		"bridge":   {{"devicebridge.v1.commands.*"}, {"devicebridge.v1.intake.send", "devicebridge.v1.append.>", "$O.>", "$JS.API.>", "$SYS.>", ">"}},
	}
	for user, lists := range subscribes {
		for i, subjects := range lists {
			for _, subject := range subjects {
				if got := s.maySubscribe(user, subject); got != (i == 0) {
					t.Errorf("the %s subscribes to %s: %t", user, subject, got)
				}
			}
		}
	}
	if after := s.holdings(); after != before {
		t.Errorf("it changed\n%s\nto\n%s", before, after)
	}
}

// TestNATSSampleInboxes: an answer is seen by the account that asked, and by no
// other.
func TestNATSSampleInboxes(t *testing.T) {
	s := quietSample(t)
	heard := map[string]*nats.Subscription{}
	for _, user := range []string{"requester", "subscriber", "operator"} {
		nc, _ := s.as(user)
		sub, err := nc.SubscribeSync("_INBOX.>")
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		heard[user] = sub
	}
	nc, _ := s.as("requester")
	if _, err := nc.Request("devicebridge.v1.commands.list", []byte("{}"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := heard["requester"].NextMsg(time.Minute); err != nil {
		t.Errorf("the control: within its account it is seen: %v", err)
	}
	for _, user := range []string{"subscriber", "operator"} {
		nc, _ := s.as(user)
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		if n, _, err := heard[user].Pending(); n != 0 || err != nil {
			t.Errorf("the %s sees %d answers, %v", user, n, err)
		}
	}
}

// TestNATSSampleIntakeHeaders: what a requester writes into the headers of a queued
// request does nothing to the stream.
func TestNATSSampleIntakeHeaders(t *testing.T) {
	s := quietSample(t)
	before := s.holdings()
	appending := harm()[0]
	nc, _ := s.as("requester")
	for _, header := range []nats.Header{
		{"Nats-Rollup": {"all"}}, {"Nats-Rollup": {"sub"}}, {"Nats-Expected-Stream": {natsEvents}}, {"Nats-Expected-Last-Sequence": {"4711"}},
		{"Nats-Schedule": {"@at 2020-01-01T00:00:00Z"}, "Nats-Schedule-Target": {appending}}, {"Nats-TTL": {"1s"}},
		{"Nats-Batch-Id": {"id"}, "Nats-Batch-Sequence": {"1"}, "Nats-Batch-Commit": {"1"}}, {"Nats-Incr": {"1"}},
	} {
		answer, err := nc.RequestMsg(&nats.Msg{Subject: "devicebridge.v1.intake.send", Header: header, Data: []byte("{}")}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var ack struct{ Error any }
		if err := json.Unmarshal(answer.Data, &ack); err != nil || ack.Error == nil {
			t.Errorf("%v is taken: %s, %v", header, answer.Data, err)
		}
	}
	// A trace of a message would be published with the server's rights.
	trace := &nats.Msg{Subject: "devicebridge.v1.commands.list", Header: nats.Header{"Nats-Trace-Dest": {appending}}, Data: []byte("{}")}
	if err := nc.PublishMsg(trace); err != nil {
		t.Fatal(err)
	}
	if answer, err := nc.Request("devicebridge.v1.intake.send", []byte("{}"), time.Minute); err != nil || strings.Contains(string(answer.Data), "error") {
		t.Errorf("the control: %+v, %v", answer, err)
	}
	if after := s.holdings(); after != before {
		t.Errorf("it changed\n%s\nto\n%s", before, after)
	}
}
