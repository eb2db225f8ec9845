package signin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// between stands between the client and the authority. It notes when there was a poll
// for a device code, and answers it in the authority's place where poll says so.
type between struct {
	next  http.RoundTripper
	polls []time.Time
	// poll gives the answer to the poll of a number, from 1 on; nil and nil: the
	// authority's own.
	poll func(n int) (*http.Response, error)
	// answer changes an answer of the authority, if it is not nil.
	answer func(r *http.Request, object map[string]any)
}

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	if strings.Contains(string(body), "grant_type=device_code") {
		b.polls = append(b.polls, time.Now())
		if b.poll != nil {
			if resp, err := b.poll(len(b.polls)); resp != nil || err != nil {
				return resp, err
			}
		}
	}
	resp, err := b.next.RoundTrip(r)
	if err != nil || b.answer == nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if json.Unmarshal(text, &object) == nil {
		b.answer(r, object)
		if text, err = json.Marshal(object); err != nil {
			return nil, err
		}
	}
	resp.Body = io.NopCloser(strings.NewReader(string(text)))
	return resp, nil
}

// says gives an answer.
func says(status int, body string, headers ...string) (*http.Response, error) {
	w := httptest.NewRecorder()
	for i := 0; i+1 < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w.Result(), nil
}

const page = "<html><title>502 Bad Gateway</title></html>"

// TestALoginOutlivesWhatIsNoVerdict: until the code ends, only the authority's own
// word ends a login; and it is asked no more often than it wants to be.
func TestALoginOutlivesWhatIsNoVerdict(t *testing.T) {
	for name, fault := range map[string]func() (*http.Response, error){
		"503":                func() (*http.Response, error) { return says(503, "") },
		"502 of a proxy":     func() (*http.Response, error) { return says(502, page, "Content-Type", "text/html") },
		"500 with an object": func() (*http.Response, error) { return says(500, `{"error":"invalid_grant"}`) },
		"429":                func() (*http.Response, error) { return says(429, "") },
		"408":                func() (*http.Response, error) { return says(408, "") },
		"403 of a proxy":     func() (*http.Response, error) { return says(403, page) },
		"200 of a portal":    func() (*http.Response, error) { return says(200, page) },
		"an empty 200":       func() (*http.Response, error) { return says(200, "") },
		"a redirect":         func() (*http.Response, error) { return says(302, "", "Location", "https://portal.example/") },
		"no connection":      func() (*http.Response, error) { return nil, errors.New("connection reset by peer") },
		"passing words":      func() (*http.Response, error) { return says(400, `{"error":"temporarily_unavailable"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, authority.Options{Interval: 7 * time.Second})
				b := &between{next: r.app.Transport}
				code := ""
				b.poll = func(n int) (*http.Response, error) {
					if n >= 2 && n <= 4 {
						return fault()
					}
					if n == 6 {
						return nil, r.authority.Approve(code, authority.PersonalUser)
					}
					return nil, nil
				}
				r.app.Transport = b
				session, err := r.login(func(o *signin.LoginOptions) { o.Prompt = func(p signin.Prompt) { code = p.Code } })
				if err != nil || session.Account() != authority.PersonalUser || len(b.polls) != 6 {
					t.Fatalf("after %d polls: %v", len(b.polls), err)
				}
				for i := 1; i < len(b.polls); i++ {
					if pause := b.polls[i].Sub(b.polls[i-1]); pause < 7*time.Second || pause > 9*time.Second {
						t.Errorf("poll %d comes after %s", i+1, pause)
					}
				}
			})
		})
	}
}

// TestALoginSlowsDown: slow_down adds five seconds for good, and Retry-After is
// waited for.
func TestALoginSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{Interval: 3 * time.Second})
		b := &between{next: r.app.Transport}
		code := ""
		b.poll = func(n int) (*http.Response, error) {
			switch n {
			case 2, 3:
				return says(400, `{"error":"slow_down"}`)
			case 5:
				return says(503, "", "Retry-After", "40")
			case 7:
				return nil, r.authority.Approve(code, authority.PersonalUser)
			}
			return nil, nil
		}
		r.app.Transport = b
		if _, err := r.login(func(o *signin.LoginOptions) { o.Prompt = func(p signin.Prompt) { code = p.Code } }); err != nil {
			t.Fatal(err)
		}
		for i, least := range []time.Duration{3, 8, 13, 13, 40, 13} {
			if pause := b.polls[i+1].Sub(b.polls[i]); pause < least*time.Second {
				t.Errorf("poll %d comes after %s, want %d s", i+2, pause, least)
			}
		}
	})
}

// TestALoginWithoutAVerdict: the words are those of the end of the code, and of what
// was in the way.
func TestALoginWithoutAVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{DeviceCodeLife: time.Minute})
		r.app.Transport = &between{next: r.app.Transport, poll: func(int) (*http.Response, error) { return says(503, "") }}
		_, err := r.login()
		if err == nil || !strings.Contains(err.Error(), "the code ended") || !strings.Contains(err.Error(), "503") ||
			!strings.Contains(err.Error(), "`devicebridge login` again") || strings.Contains(err.Error(), "by itself") {
			t.Errorf("it says %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{})
		r.app.Transport = inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })}
		if _, err := r.login(); err == nil || !strings.Contains(err.Error(), "`devicebridge login` again") || strings.Contains(err.Error(), "by itself") {
			t.Errorf("without a code it says %v", err)
		}
	})
}

func notATime(life any) bool {
	text, ok := life.(string)
	return ok && text == "soon" || life == 0 || life == -1 || reflect.ValueOf(life).Kind() == reflect.Slice
}

// TestTimesOfAnAuthority: how long a code and a token last may be a text, or not be
// told.
func TestTimesOfAnAuthority(t *testing.T) {
	for _, life := range []any{"900", 900.5, nil, "absent", -1, 0, "soon", []int{1}, 1e300} {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, authority.Options{AutoApprove: true})
				r.app.Transport = &between{next: r.app.Transport, answer: func(_ *http.Request, object map[string]any) {
					if object["expires_in"] == nil || object["access_token"] != nil && notATime(life) {
						return // a token with such a life is refused, with words
					}
					for _, name := range []string{"expires_in", "interval"} {
						if object[name] = life; life == "absent" {
							delete(object, name)
						}
					}
				}}
				var ends time.Time
				s := r.replica()
				session, err := r.login(func(o *signin.LoginOptions) { o.Prompt = func(p signin.Prompt) { ends = p.Expires } })
				if err != nil {
					t.Fatal(err)
				}
				if left := time.Until(ends); left < 14*time.Minute || left > 25*time.Hour {
					t.Errorf("the code lasts %s", left)
				}
				sealed, err := session.Sealed(r.key, label, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Replace(t.Context(), sealed); err != nil {
					t.Fatal(err)
				}
				r.token(s)
				if left := time.Until(s.Status().TokenExpires); left < 14*time.Minute || left > 25*time.Hour {
					t.Errorf("the token lasts %s", left)
				}
			})
		})
	}
}
