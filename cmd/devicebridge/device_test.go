package main

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

func TestPickDevice(t *testing.T) {
	devices := []events.Device{
		{ID: "1", Name: "Surface", Kind: "Tablet", Platform: "Windows"},
		{ID: "2", Name: "surface", Kind: "Laptop"},
		{ID: "3", Name: "Living room TV"},
		{ID: "4", Name: "Phone", Kind: "Phone", Platform: "Android"},
		{ID: "5", Name: "Phone", Kind: "Phone", Platform: "Windows"},
		{ID: "6", Name: "4"},
		{ID: "7"},
		{ID: "8", Name: "Straße\n\x1b[2J"},
	}
	for _, c := range []struct{ text, id, err string }{
		{"3", "3", ""},
		{"4", "4", ""}, // the id goes before the name
		{"Surface", "1", ""},
		{"surface", "2", ""},
		{"SURFACE", "", "--device: 2 devices have the name \"SURFACE\"; give the id of one:\n  1  Surface  Tablet  Windows\n  2  surface  Laptop  "},
		{"living ROOM tv", "3", ""},
		{"Phone", "", "--device: 2 devices have the name \"Phone\"; give the id of one:\n  4  Phone  Phone  Android\n  5  Phone  Phone  Windows"},
		{"surfac", "", `no device has the id or the name "surfac" (did you mean "Surface" or "surface"?); an id that is not listed is given as "id:surfac"`},
		{"tv", "", `no device has the id or the name "tv" (did you mean "Living room TV"?)`},
		{"Phine", "", `(did you mean "Phone"?)`},
		{"stra", "", `(did you mean "Straße\n\x1b[2J"?)`},
		{"kitchen.hub~1", "", "no device has the id or the name \"kitchen.hub~1\" (`devicebridge devices --refresh` lists them); an id that is not listed is given as \"id:kitchen.hub~1\""},
	} {
		id, err := pickDevice(c.text, devices)
		if id != c.id || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, %v; want %q, %s", c.text, id, err, c.id, c.err)
		}
	}
	if _, err := pickDevice("x", nil); err == nil || !strings.Contains(err.Error(), `the account has no devices, so "x" is no name of one; an id is given as "id:x"`) {
		t.Errorf("without devices: %v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"Käse", "Kase", 1}, {"same", "same", 0}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// cliCounted is a bridge on the emulator that counts the listings.
func cliCounted(t *testing.T, o emulator.Options) (*cliBridge, *atomic.Int32) {
	t.Helper()
	o.StepDelay = 25 * time.Millisecond
	e, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	listings := new(atomic.Int32)
	return cliStartOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/me/devices") {
			listings.Add(1)
		}
		e.ServeHTTP(w, r)
	})), listings
}

// TestADeviceByItsName goes through every subcommand that takes one.
func TestADeviceByItsName(t *testing.T) {
	twins := []emulator.Device{{ID: "twin-one", Name: "Twin", Kind: "Phone", Platform: "Android"}, {ID: "twin-two", Name: "twin", Kind: "Tablet", Platform: "Windows"}}
	b, listings := cliCounted(t, emulator.Options{Devices: append(cliDevices(), twins...)})
	device := func(out string) string { t.Helper(); return cliField(t, out, "device") }

	// An id costs no listing, and another way to write it neither.
	for _, id := range []string{cliCompletes, "id:" + cliCompletes} {
		if got := device(b.ok("send", "--device", id, "--uri", "x:y", "--wait", "1m")); got != cliCompletes || listings.Load() != 0 {
			t.Errorf("%s was sent to %s after %d listings", id, got, listings.Load())
		}
	}
	for text, want := range map[string]string{"JimSurface": cliCompletes, "jimsurface": cliCompletes, "living-room.TV~2": "living-room.TV~2", "Twin": "twin-one", "twin-two": "twin-two"} {
		if got := device(b.ok("send", "--device", text, "--uri", "x:y")); got != want {
			t.Errorf("%s was sent to %s, want %s", text, got, want)
		}
	}
	if listings.Load() != 1 {
		t.Errorf("%d listings, want one that is kept", listings.Load())
	}
	both := "devicebridge: --device: 2 devices have the name \"TWIN\"; give the id of one:\n" +
		"devicebridge:   twin-one  Twin  Phone  Android\ndevicebridge:   twin-two  twin  Tablet  Windows\n"
	b.fails(exitUsage, both, "send", "--device", "TWIN", "--uri", "x:y")
	b.fails(exitUsage, `no device has the id or the name "JimSurfac" (did you mean "JimSurface"?); an id that is not listed is given as "id:JimSurfac"`,
		"send", "--device", "JimSurfac", "--uri", "x:y")
	b.fails(exitUsage, `--device: "id:" has no id behind it`, "send", "--device", "id:", "--uri", "x:y")

	b.ok("send", "--device", "JIMSURFACE", "--uri", "x:y", "--queue", "--request-id", "queued")
	if out := b.ok("watch", events.RequestCommandID("queued"), "--all", "--until-end", "--json"); !strings.Contains(out, `"deviceId":"`+cliCompletes+`"`) {
		t.Errorf("queued for %s", out)
	}
	list := cliJSON[events.ListReply](t, b.ok("list", "--device", "jimSurface", "--json"))
	if len(list.Commands) != 5 || slices.ContainsFunc(list.Commands, func(c events.Command) bool { return c.DeviceID != cliCompletes }) {
		t.Errorf("%d commands of the device: %+v", len(list.Commands), list.Commands)
	}
	b.fails(exitUsage, both, "list", "--device", "TWIN")
	if lines := b.follow(1, "--device", "Twin", "--all", "--json"); !strings.Contains(lines[0], `"deviceId":"twin-one"`) {
		t.Errorf("watched %s", lines)
	}
	if w := b.watch(1, "--device", "TWIN"); w.err == nil || exitCode(w.err) != exitUsage || !strings.Contains(w.err.Error(), "2 devices have the name") {
		t.Errorf("watch of two: %v", w.err)
	}
	receipt := cliJSON[events.Receipt](t, b.ok("callback", "--device", "Twin", "--json"))
	if receipt.Command.DeviceID != "twin-one" {
		t.Errorf("the callback is for %s", receipt.Command.DeviceID)
	}
	b.fails(exitUsage, both, "callback", "--device", "TWIN")
}

// TestAnIDThatGraphDoesNotList can be sent to: the retired service lists nothing.
func TestAnIDThatGraphDoesNotList(t *testing.T) {
	b, listings := cliCounted(t, emulator.Options{Devices: []emulator.Device{}})
	b.fails(exitUsage, `the account has no devices, so "tv" is no name of one; an id is given as "id:tv"`, "send", "--device", "tv", "--uri", "x:y")
	const unlisted = "00000000-0000-4000-8000-000000000000"
	for text, id := range map[string]string{"id:tv": "tv", unlisted: unlisted} {
		if got := cliField(t, b.ok("send", "--device", text, "--uri", "x:y"), "device"); got != id {
			t.Errorf("%s was sent to %s", text, got)
		}
	}
	if listings.Load() != 1 {
		t.Errorf("%d listings", listings.Load())
	}
}

// TestAllPagesOfDevicesAreListed, also for a name on the last of them.
func TestAllPagesOfDevicesAreListed(t *testing.T) {
	b, listings := cliCounted(t, emulator.Options{PageSize: 3})
	if lines := slices.Collect(strings.Lines(b.ok("devices"))); len(lines) != 1+len(emulator.DefaultDevices()) || listings.Load() != 4 {
		t.Errorf("%d GETs gave %q", listings.Load(), lines)
	}
	if got := cliField(t, b.ok("send", "--device", "television with odd characters in its id", "--uri", "x:y"), "device"); got != "living-room.TV~2" {
		t.Errorf("sent to %q", got)
	}
}

// TestDevicesAreListedAnewOnRequest and not otherwise.
func TestDevicesAreListedAnewOnRequest(t *testing.T) {
	b, listings := cliCounted(t, emulator.Options{})
	for n, args := range [][]string{{"devices"}, {"devices", "--json"}, {"devices", "--refresh"}, {"devices"}} {
		b.ok(args...)
		if got, want := listings.Load(), []int32{1, 1, 2, 2}[n]; got != want {
			t.Errorf("%v: %d listings, want %d", args, got, want)
		}
	}
}

// TestANameWithoutABridge says how an id is given, and an id is queued all the
// same.
func TestANameWithoutABridge(t *testing.T) {
	url := cliNATS(t)
	t.Run("a bridge makes the streams", func(t *testing.T) {
		cliStartWith(t, emulator.Options{}, map[string]string{"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	})
	b := &cliBridge{t: t, vars: map[string]string{"NATS_URL": url}}
	for _, args := range [][]string{{"send", "--uri", "x:y"}, {"send", "--uri", "x:y", "--queue"}, {"list"}, {"watch"}, {"callback"}} {
		b.fails(exitUnavailable, `--device: "tv" may be a name, and the devices cannot be listed (an id is given as "id:tv"): `, append(args, "--device", "tv")...)
	}
	for _, text := range []string{"id:tv", cliCompletes} {
		if out := b.ok("send", "--device", text, "--uri", "x:y", "--queue"); !strings.HasPrefix(out, "queued    as message ") {
			t.Errorf("%s: %s", text, out)
		}
	}
}
