package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/crash"
	"devicebridge/events"
)

// Sequences gives the stream sequences of a command's events, oldest first, as the
// stream's leader has them. Errors: *events.Error with CodeConflict where the
// operator has forbidden that messages are deleted, with CodeUnavailable when the
// stream does not answer.
func (b *Bus) Sequences(ctx context.Context, command string) ([]uint64, error) {
	s, err := b.stream(ctx, b.subjects.EventStream())
	if err != nil {
		return nil, err
	}
	info := s.CachedInfo()
	if info.Config.DenyDelete || info.Config.Sealed {
		return nil, events.Refusal(events.CodeConflict, "", "stream "+info.Config.Name+" was set up so that nothing can be deleted from it (deny_delete or sealed); nothing can be erased")
	}
	return b.sequences(ctx, info.Config.Name, b.subjects.CommandFilter(command))
}

// MayErase gives nil where the server lets the bridge delete, to be asked before
// anything tells of an erasure: it asks to delete a message that cannot be there.
// Errors: *events.Error with CodeUnavailable, which names the permission.
func (b *Bus) MayErase(ctx context.Context) error {
	for _, name := range []string{b.subjects.EventStream(), b.subjects.TimerStream(), objectStream(b.subjects.ResponseBucket())} {
		s, err := b.stream(ctx, name)
		if err != nil {
			return err
		}
		if denied, is := errors.AsType[*deniedError](b.requestErase(ctx, s, name, math.MaxUint64)); is {
			return events.Unavailable("nothing can be erased: " + denied.Error())
		}
	}
	return nil
}

// Erase overwrites what is kept of a command and takes it away, in this order: its
// response payloads that are objects, its timers, and its events before a stream
// sequence. So as long as there is an event before that, the rest may not be done
// either; to call it again goes on. What was taken away is told with an error, too.
//
// Overwriting is the server's: it writes the file of the message anew, with random
// bytes in the message's place, syncs it and puts it in the place of the old file.
// With encryption at rest it only deletes. Errors: *events.Error with
// CodeUnavailable when a stream does not answer or refuses.
func (b *Bus) Erase(ctx context.Context, command string, before uint64) (done events.Erased, err error) {
	if done.Objects, err = b.eraseObjects(ctx, command); err != nil {
		return done, err
	}
	if done.Timers, err = b.eraseAll(ctx, b.subjects.TimerStream(), b.subjects.TimersOf(command), 0); err != nil {
		return done, err
	}
	done.Events, err = b.eraseAll(ctx, b.subjects.EventStream(), b.subjects.CommandFilter(command), before)
	return done, err
}

// eraseObjects erases the objects of a command. They are found by their names, so
// that those whose event never came are among them.
func (b *Bus) eraseObjects(ctx context.Context, command string) (erased int, err error) {
	bucket := b.subjects.ResponseBucket()
	subjects, err := b.subjectsOf(ctx, objectStream(bucket), objectsOf(bucket)+"M.>")
	if err != nil {
		return 0, err
	}
	// 27 bytes are 36 characters of base64, whatever comes after them.
	prefix := objectSubject(bucket, command+"/")
	for subject := range subjects {
		if !strings.HasPrefix(subject, prefix) {
			continue
		}
		mine, err := b.eraseObject(ctx, subject)
		if err != nil {
			return erased, err
		}
		if mine {
			erased++
		}
	}
	return erased, nil
}

// eraseObject erases an object's chunks and then its description, by which they are
// found; mine is false where somebody else was first.
func (b *Bus) eraseObject(ctx context.Context, subject string) (mine bool, err error) {
	bucket := b.subjects.ResponseBucket()
	raw, err := b.lastOf(ctx, objectStream(bucket), subject)
	if events.HasCode(err, events.CodeNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(raw.Data, &info); err != nil {
		return false, fmt.Errorf("erase the payload at %s: %w", subject, err)
	}
	if info.NUID != "" {
		if _, err := b.eraseAll(ctx, objectStream(bucket), chunkSubject(bucket, info.NUID), 0); err != nil {
			return false, err
		}
	}
	n, err := b.eraseAll(ctx, objectStream(bucket), subject, 0)
	return n > 0, err
}

// subjectsOf gives the subjects under a filter of which a stream has messages.
func (b *Bus) subjectsOf(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	s, err := b.stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, b.noAnswer(stream, err)
	}
	return info.State.Subjects, nil
}

// stream looks a stream up.
func (b *Bus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, b.noAnswer(name, err)
	}
	return s, nil
}

func (b *Bus) noAnswer(stream string, err error) error {
	b.log.Debug("erase: no answer", "stream", stream, "error", err)
	return unavailable("stream "+stream+" does not answer", err)
}

// eraseAll erases what a stream has under a filter before a sequence, 0 for all of
// it, oldest first, and gives how many messages it took away.
func (b *Bus) eraseAll(ctx context.Context, stream, filter string, before uint64) (erased int, err error) {
	list, err := b.sequences(ctx, stream, filter)
	if err != nil {
		return 0, err
	}
	s, err := b.stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	for _, seq := range list {
		if before != 0 && seq >= before {
			break
		}
		mine, err := b.eraseMessage(ctx, s, stream, seq)
		if err != nil {
			return erased, err
		}
		if mine {
			erased++
		}
		crash.At(crash.ErasePart)
	}
	return erased, nil
}

// sequences gives the stream sequences of the messages under a filter.
func (b *Bus) sequences(ctx context.Context, stream, filter string) (list []uint64, err error) {
	for next := uint64(1); ; {
		raw, err := b.leaderGet(ctx, stream, filter, map[string]any{"seq": next, "next_by_subj": filter})
		if events.HasCode(err, events.CodeNotFound) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list, next = append(list, raw.Sequence), raw.Sequence+1
	}
}

// eraseMessage has a message overwritten and deleted; mine is false where somebody
// else was first. What the answer does not tell, a look for the message does: the
// answer may be lost.
func (b *Bus) eraseMessage(ctx context.Context, s jetstream.Stream, stream string, seq uint64) (mine bool, err error) {
	fault := b.requestErase(ctx, s, stream, seq)
	if fault == nil {
		return true, nil
	}
	if _, err := b.leaderGet(ctx, stream, "", map[string]any{"seq": seq}); events.HasCode(err, events.CodeNotFound) {
		return false, nil
	}
	b.log.Warn("a message could not be erased", "stream", stream, "sequence", seq, "error", fault)
	return false, unavailable(fmt.Sprintf("message %d of stream %s could not be erased yet", seq, stream), fault)
}

func (b *Bus) requestErase(ctx context.Context, s jetstream.Stream, stream string, seq uint64) error {
	ctx, cancel := b.permitted(ctx, "$JS.API.STREAM.MSG.DELETE."+stream)
	defer cancel()
	return why(ctx, s.SecureDeleteMsg(ctx, seq))
}
