package emulator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"time"
)

// command is one command that was taken.
type command struct {
	seq          int
	id, deviceID string
	req          request
	script       []Step
	appKeys      map[string]json.RawMessage // what the app will answer; nil means the documented sample

	// ctx ends when the emulator closes or forgets the command. It is the command's own, not a request's: the script
	// outlives the POST.
	ctx    context.Context //nolint:containedctx // a lifetime, not a call: it outlives every request
	cancel context.CancelFunc
	// released is closed when the answer to the POST has gone out, or is known to be lost.
	released chan struct{}
	// settled is closed when the first postback is delivered, given up or lost.
	settled     chan struct{}
	releaseOnce sync.Once
	settleOnce  sync.Once

	// The rest is guarded by the emulator's lock.
	status    string
	errorText string
	response  map[string]json.RawMessage // nil until the app has answered
	postbacks postbackPlan
	outbox    []postback
	held      []postback // at most one, to go after its successor
	sending   bool
}

func newCommand(ctx context.Context, seq int, d *device, req request, p postbackPlan) *command {
	c := &command{
		seq: seq, id: newCommandID(), deviceID: d.ID, req: req, script: d.Script, appKeys: d.appKeys,
		released: make(chan struct{}), settled: make(chan struct{}),
		status: StatusRequesting, postbacks: p,
	}
	if c.script == nil {
		c.script = DefaultScript()
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// newCommandID gives a long upper-case hex string that begins as all ids on Graph's pages do. It is random even under
// a seed: an id must not come back after a restart of the emulator.
func newCommandID() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return "0158355AD4D680CC4E2994CC009EFFD7" + strings.ToUpper(hex.EncodeToString(b[:]))
}

func (c *command) release() { c.releaseOnce.Do(func() { close(c.released) }) }

func (c *command) settle() { c.settleOnce.Do(func() { close(c.settled) }) }

// created is the command as the POST is answered. The type is null although it was sent, as on Graph's page.
func (c *command) created() commandView {
	return commandView{
		ID: c.id, Status: StatusRequesting,
		AppServiceName: c.req.appServiceName, PackageFamilyName: c.req.packageFamilyName,
		PostBackURI: c.req.postBackURI, Payload: c.req.payload,
	}
}

// current is the command as its status is answered: with a null payload.
func (c *command) current() commandView {
	v := c.created()
	v.Status, v.Payload = c.status, nil
	if text := c.errorText; text != "" {
		v.Error = &text // a copy: the view outlives the lock
	}
	return v
}

// move puts the command into the step's status. The app's answer is there from completed on.
func (c *command) move(s Step, now time.Time) {
	c.status, c.errorText = s.Status, s.Error
	if s.Status == StatusCompleted && c.req.appService && c.response == nil {
		c.response = c.appKeys
		if c.response == nil {
			c.response = sampleResponse(now)
		}
	}
}

// sampleResponse is the example of "Get command payload". Its date is in the app's own format, not in ISO 8601.
func sampleResponse(now time.Time) map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"MsIgnoredParameter": json.RawMessage(`0`),
		"CreationDate":       json.RawMessage(`"` + now.UTC().Format("01/02/2006") + `"`),
		"Type":               json.RawMessage(`"Ok"`),
	}
}

// responseView is the open object that the response payload is answered with: the app's keys next to @odata.context.
func responseView(keys map[string]json.RawMessage) map[string]json.RawMessage {
	v := maps.Clone(keys)
	v["@odata.context"] = json.RawMessage(`"https://graph.microsoft.com/devices/$metadata#microsoft.graph.PayloadResponse"`)
	return v
}
