package bus

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestJudge(t *testing.T) {
	all := map[Trouble]string{}
	for _, tr := range AllTroubles() {
		all[tr] = "as before"
	}
	gone := []jetstream.StreamConfig{{Name: "S"}}
	differs := func(name string) []differing {
		return []differing{{want: jetstream.StreamConfig{Name: "S"}, found: []difference{{name: name}}}}
	}
	disk := func(free, size int64) space { return space{free << 20, size << 20} }
	tests := []struct {
		name   string
		before map[Trouble]string
		s      sight
		want   []Trouble
	}{
		{"all is well", nil, sight{connected: true}, nil},
		{"all is well again", all, sight{connected: true}, nil},
		{"lost", nil, sight{}, []Trouble{Disconnected}},
		{"lost, the rest is not known", all, sight{}, []Trouble{ConsumerDiffers, ConsumerPaused, Disconnected, RequestsCaptured, StorageFull, StorageSpent, StreamDiffers, StreamMissing}},
		{"silent", nil, sight{connected: true, silent: "timeout"}, []Trouble{NoAnswer}},
		{"silent, the rest is not known", all, sight{connected: true, silent: "timeout"}, []Trouble{ConsumerDiffers, ConsumerPaused, NoAnswer, RequestsCaptured, StorageFull, StorageSpent, StreamDiffers, StreamMissing}},
		{"deaf, the rest is known", all, sight{connected: true, deaf: true}, []Trouble{NoAnswer}},
		{"missing", nil, sight{connected: true, missing: gone}, []Trouble{StreamMissing}},
		{"differs", nil, sight{connected: true, differ: differs("subjects")}, []Trouble{StreamDiffers}},
		{"direct get differs", nil, sight{connected: true, differ: differs("direct get")}, []Trouble{StreamDiffers}},
		{"limits differ", nil, sight{connected: true, differ: differs("max bytes")}, nil},
		{"replicas differ", nil, sight{connected: true, differ: differs("replicas")}, nil},
		{"stream not yet full", nil, sight{connected: true, filled: []filled{{"S", 0.79}}}, nil},
		{"stream full", nil, sight{connected: true, filled: []filled{{"R", 0}, {"S", 0.8}}}, []Trouble{StorageFull}},
		{"stream still full", all, sight{connected: true, filled: []filled{{"S", 0.76}}}, []Trouble{StorageFull}},
		{"stream not full any more", all, sight{connected: true, filled: []filled{{"S", 0.74}}}, nil},
		{"account full", nil, sight{connected: true, account: 0.9}, []Trouble{StorageFull}},
		{"account spent", nil, sight{connected: true, account: 0.99}, []Trouble{StorageFull, StorageSpent}},
		{"events spent", nil, sight{connected: true, events: 0.99}, []Trouble{StorageSpent}},
		{"events still spent", all, sight{connected: true, events: 0.985}, []Trouble{StorageSpent}},
		{"events not spent any more", all, sight{connected: true, events: 0.97}, nil},
		{"an event refused", nil, sight{connected: true, refused: true}, []Trouble{StorageSpent}},
		{"an event refused by a store that failed", nil, sight{connected: true, refused: true, store: errors.New("no space")}, []Trouble{StoreFailed}},
		{"disk low", nil, sight{connected: true, disk: disk(63, 10_000), onDisk: true}, []Trouble{StorageFull}},
		{"disk low and lost", nil, sight{disk: disk(63, 10_000), onDisk: true}, []Trouble{Disconnected, StorageFull}},
		{"disk still low", all, sight{connected: true, disk: disk(70, 10_000), onDisk: true}, []Trouble{StorageFull}},
		{"disk not low", nil, sight{connected: true, disk: disk(65, 10_000), onDisk: true}, nil},
		{"small disk", nil, sight{connected: true, disk: disk(2, 16), onDisk: true}, nil},
		{"small disk low", nil, sight{connected: true, disk: disk(0, 16), onDisk: true}, []Trouble{StorageFull}},
		{"disk not known", nil, sight{connected: true}, nil},
		{"store failed", nil, sight{connected: true, store: errors.New("no space")}, []Trouble{StoreFailed}},
		{"store failed and lost", nil, sight{store: errors.New("no space")}, []Trouble{Disconnected, StoreFailed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := slices.Sorted(maps.Keys(judge(tt.before, tt.s))); !slices.Equal(got, tt.want) {
				t.Errorf("troubles %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBarred(t *testing.T) {
	differs := func(stream, name string) []differing {
		return []differing{{want: jetstream.StreamConfig{Name: stream}, found: []difference{{name: "max age"}, {name: name}}}}
	}
	tests := []struct {
		name   string
		s      sight
		barred bool // from a state where appends may be tried
		still  bool // from one where they may not
	}{
		{"all is well", sight{connected: true}, false, false},
		{"lost", sight{}, false, true},
		{"silent", sight{connected: true, silent: "timeout"}, false, true},
		{"store failed", sight{connected: true, store: errors.New("no space")}, true, true},
		{"subjects", sight{connected: true, differ: differs("E", "subjects")}, true, true},
		{"transform", sight{connected: true, differ: differs("E", "subject transform")}, true, true},
		{"retention", sight{connected: true, differ: differs("E", "retention")}, true, true},
		{"storage", sight{connected: true, differ: differs("E", "storage")}, true, true},
		{"discard", sight{connected: true, differ: differs("E", "discard")}, true, true},
		{"republish", sight{connected: true, differ: differs("E", "republish")}, true, true},
		{"direct get", sight{connected: true, differ: differs("E", "direct get")}, false, false},
		{"limits", sight{connected: true, differ: differs("E", "max bytes")}, false, false},
		{"another stream", sight{connected: true, differ: differs("I", "subjects")}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.barred("", "E"); got != "" != tt.barred {
				t.Errorf("barred: %q, want %t", got, tt.barred)
			}
			if got := tt.s.barred("before", "E"); got != "" != tt.still {
				t.Errorf("still barred: %q, want %t", got, tt.still)
			}
		})
	}
}

func TestPace(t *testing.T) {
	now := time.Now()
	p := pace{least: 10 * time.Second, most: time.Minute}
	for i, want := range []time.Duration{10, 20, 40, 60, 60} {
		if !p.take(now) || p.take(now) {
			t.Fatalf("try %d: want one at this time", i)
		}
		if now = now.Add(want*time.Second - 1); p.take(now) {
			t.Fatalf("try %d comes before %d s have passed", i+1, want)
		}
		now = now.Add(1)
	}
	now = now.Add(2 * time.Minute)
	if !p.take(now) || p.pause != 10*time.Second {
		t.Errorf("after a long rest the pause is %s", p.pause)
	}
}
