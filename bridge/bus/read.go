package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// apiPrefix is where JetStream listens for requests of the default account.
const apiPrefix = "$JS.API."

// codeNoMessage is JetStream's "no message found".
const codeNoMessage = 10037

// Latest gives the latest event of a command as the stream's leader has it: what
// was acknowledged before this call is seen. Errors: *events.Error with
// CodeNotFound, which in a cluster a majority has confirmed, or CodeUnavailable when
// the leader, or the majority, does not answer.
func (b *Bus) Latest(ctx context.Context, command string) (events.Stored, error) {
	return b.leaderRead(ctx, b.subjects.CommandFilter(command))
}

// Accepted returns the first event of a command that was accepted; errors as Latest.
func (b *Bus) Accepted(ctx context.Context, command string) (events.Stored, error) {
	return b.leaderRead(ctx, b.subjects.CommandKindFilter(command, events.KindOf(events.StateAccepted)))
}

// LatestResponse gives the latest response event of a command; errors as Latest.
func (b *Bus) LatestResponse(ctx context.Context, command string) (events.Stored, error) {
	return b.leaderRead(ctx, b.subjects.CommandKindFilter(command, events.KindResponse))
}

func (b *Bus) leaderRead(ctx context.Context, filter string) (events.Stored, error) {
	stream := b.subjects.EventStream()
	raw, err := confirmed(ctx, b, stream, func() (*rawMessage, error) { return b.lastOf(ctx, stream, filter) })
	if events.HasCode(err, events.CodeNotFound) && b.watched.lost.Load() {
		err = events.Unavailable(eventsAreMissing)
	}
	if err != nil {
		return events.Stored{}, err
	}
	header, err := nats.DecodeHeadersMsg(raw.Header)
	if err != nil {
		return events.Stored{}, fmt.Errorf("read %s: %w: header: %w", filter, events.ErrUnreadable, err)
	}
	return stored(raw.Sequence, raw.Subject, header, raw.Data)
}

// rawMessage is a message as STREAM.MSG.GET answers it.
type rawMessage struct {
	Subject  string    `json:"subject"`
	Sequence uint64    `json:"seq"`
	Header   []byte    `json:"hdrs"`
	Data     []byte    `json:"data"`
	Time     time.Time `json:"time"`
}

// lastOf reads the last message under a filter, as leaderGet. While the store of an
// embedded server is doubted, what was not acknowledged is not given, since it is not
// known to be on the disk, and nothing is said not to be there.
func (b *Bus) lastOf(ctx context.Context, stream, filter string) (*rawMessage, error) {
	raw, err := b.leaderGet(ctx, stream, filter, map[string]any{"last_by_subj": filter})
	known := err == nil && stream == b.subjects.EventStream() && raw.Sequence <= b.acked.Load()
	if doubted := b.doubted(); doubted != nil && !known {
		return nil, doubted
	}
	return raw, err
}

// leaderGet reads a message with STREAM.MSG.GET, which only a leader answers. The
// client library's own call would use direct get, which any replica answers.
func (b *Bus) leaderGet(ctx context.Context, stream, filter string, which map[string]any) (*rawMessage, error) {
	api := apiPrefix + "STREAM.MSG.GET." + stream
	ctx, cancel := b.permitted(ctx, api)
	defer cancel()
	request, err := json.Marshal(which)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filter, err)
	}
	reply, err := b.nc.RequestWithContext(ctx, api, request)
	if denied, is := errors.AsType[*deniedError](why(ctx, err)); is {
		return nil, events.Unavailable("the stream cannot be read: " + denied.Error())
	}
	if err != nil {
		b.log.LogAttrs(ctx, slog.LevelDebug, "leader read failed", slog.String("filter", filter), about(filter), slog.Any("error", err))
		return nil, unavailable("the stream does not answer", why(ctx, err))
	}
	var answer struct {
		Message *rawMessage `json:"message"`
		Error   *struct {
			Code        int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, fmt.Errorf("read %s: %w", filter, err)
	}
	switch {
	case answer.Error != nil && answer.Error.Code == codeNoMessage:
		return nil, events.NotFound("no such command; its events may have left the stream with its age limit")
	case answer.Error != nil:
		b.log.LogAttrs(ctx, slog.LevelDebug, "leader read refused", slog.String("filter", filter), about(filter), slog.String("error", answer.Error.Description))
		return nil, events.Unavailable("the stream cannot be read now (NATS: " + answer.Error.Description + "); ask again")
	case answer.Message == nil:
		return nil, fmt.Errorf("read %s: %w", filter, errors.New("neither a message nor an error"))
	}
	return answer.Message, nil
}

// stored reads an event message. One that was not stored by a bridge may name another
// command or kind in its body than in its subject, by which it is found: who acted on it
// would act on that command.
func stored(sequence uint64, subject string, header nats.Header, data []byte) (events.Stored, error) {
	kind, c, err := events.Decode(header, data)
	if err == nil && !tells(subject, kind, c.ID) {
		err = errors.New("its subject and its body name two commands or kinds")
	}
	if err != nil {
		return events.Stored{}, fmt.Errorf("stream sequence %d: %w: %w", sequence, events.ErrUnreadable, err)
	}
	return events.Stored{
		Sequence: sequence,
		Kind:     kind,
		Command:  c,
		Writer:   events.HeaderValue(header, events.HeaderWriter),
	}, nil
}

// tells reports whether the subject of an event names the command and kind.
func tells(subject string, kind events.Kind, command string) bool {
	tokens := strings.Split(subject, ".")
	n := len(tokens)
	return n >= 3 && tokens[n-3] == command && tokens[n-1] == string(kind)
}

// MaxPayload gives the largest message the server takes, in bytes.
func (b *Bus) MaxPayload() int { return int(b.nc.MaxPayload()) }
