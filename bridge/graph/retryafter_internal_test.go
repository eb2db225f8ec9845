package graph

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	const date = "Tue, 18 Aug 2020 12:51:51 GMT"
	now := time.Date(2020, 8, 18, 12, 51, 41, 0, time.UTC)
	cases := []struct {
		text, date string
		want       time.Duration
		ok         bool
	}{
		{"", "", 0, false},
		{"0", "", 0, true},
		{"120", "", 2 * time.Minute, true},
		{" 7 ", "", 7 * time.Second, true},
		{"2.128", "", 2128 * time.Millisecond, true},
		{"0.5", "", 500 * time.Millisecond, true},
		{".5", "", 500 * time.Millisecond, true},
		{"5.", "", 5 * time.Second, true},
		{"0.0000000001", "", 0, true},
		{"86401", "", maxRetryAfter, true},
		{"99999999999999999999999", "", maxRetryAfter, true},
		{".", "", 0, false},
		{"1.2.3", "", 0, false},
		{"-1", "", 0, false},
		{"+1", "", 0, false},
		{"1e3", "", 0, false},
		{"0x10", "", 0, false},
		{"Inf", "", 0, false},
		{"NaN", "", 0, false},
		{"1,5", "", 5 * time.Second, true},
		{"3, 3", "", 3 * time.Second, true},
		{"3,3,", "", 3 * time.Second, true},
		{"soon, 7", "", 7 * time.Second, true},
		{"-1, -1", "", 0, false},
		{"3;", "", 3 * time.Second, true},
		{"\t3 ; later", "", 3 * time.Second, true},
		{"0.2", "", 200 * time.Millisecond, true},
		{date + ", " + date, "", 10 * time.Second, true},
		{date + ", 11", "", 11 * time.Second, true},
		{"2, Tuesday, 18-Aug-20 12:51:51 GMT", "", 10 * time.Second, true},
		{",", "", 0, false},
		{"5m", "", 0, false},
		{"soon", "", 0, false},
		{date, "", 10 * time.Second, true},
		{"Tuesday, 18-Aug-20 12:51:51 GMT", "", 10 * time.Second, true},
		{"Tue Aug 18 12:51:51 2020", "", 10 * time.Second, true},
		{date, "Tue, 18 Aug 2020 12:51:48 GMT", 3 * time.Second, true},
		{date, "Tue, 18 Aug 2020 12:59:59 GMT", 0, true},
		{date, "broken", 10 * time.Second, true},
		{"Tue, 18 Aug 2099 12:51:51 GMT", "", maxRetryAfter, true},
	}
	for _, c := range cases {
		header := http.Header{"Retry-After": {c.text}, "Date": {c.date}}
		if got, ok := parseRetryAfter(header, now); got != c.want || ok != c.ok {
			t.Errorf("%q with date %q: got %s %v, want %s %v", c.text, c.date, got, ok, c.want, c.ok)
		}
	}
	if _, ok := parseRetryAfter(http.Header{}, now); ok {
		t.Error("read from no header")
	}
}

func TestSpellRetryAfterRoundsUp(t *testing.T) {
	for text, want := range map[string]struct{ least, most int }{
		"2.128": {2128, 2341}, "0.0001": {1, 1}, "3": {3000, 3300}, "4.9": {4900, 5000}, "600": {600_000, 600_000}, "0": {}, "soon": {},
	} {
		for range 100 { // it is spread at random
			header := http.Header{"Retry-After": {text}}
			spellRetryAfter(header, time.Now())
			got, _ := strconv.Atoi(header.Get("retry-after-ms"))
			if got < want.least || got > want.most {
				t.Fatalf("%s: got %d, want %d to %d", text, got, want.least, want.most)
			}
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("2.128", "")
	f.Add("Tue, 18 Aug 2020 12:51:51 GMT", "Tue, 18 Aug 2020 12:51:41 GMT")
	f.Fuzz(func(t *testing.T, text, date string) {
		wait, ok := parseRetryAfter(http.Header{"Retry-After": {text}, "Date": {date}}, time.Now())
		if wait < 0 || wait > maxRetryAfter || !ok && wait != 0 {
			t.Errorf("%q, %q: %s %v", text, date, wait, ok)
		}
	})
}
