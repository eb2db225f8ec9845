package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"devicebridge/bridge/roundtrip"
	"devicebridge/cmd/devicebridge/internal/running"
)

// healthcheck is what the command line of `healthcheck` says.
type healthcheck struct {
	live, ready bool
	url         string
	timeout     time.Duration
}

func newHealthcheck(vars map[string]string) *cobra.Command {
	var h healthcheck
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the bridge in this container how it is, for a probe",
		Long: `Ask the admin listener of the bridge, found by the same BRIDGE_ADMIN_ADDR, how
it is: for a probe where the image has no shell and no curl. Exit code 0 when it
is well; 1 when it is not, or does not answer; 2 when there is nobody to ask.`,
		Example: "  devicebridge healthcheck          # ready: it can store a postback\n  devicebridge healthcheck --live   # it answers at all",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := h.address(vars)
			if err != nil {
				return usageError{err}
			}
			text, err := h.ask(cmd.Context(), address)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), printable(text))
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&h.live, "live", false, "ask whether it lives: /livez")
	f.BoolVar(&h.ready, "ready", false, "ask whether it can store a postback: /readyz, as without a flag")
	f.StringVar(&h.url, "url", "", "ask this URL instead of the one that BRIDGE_ADMIN_ADDR leads to")
	f.DurationVar(&h.timeout, "timeout", 3*time.Second, "how long the answer may take")
	return cmd
}

// address gives the URL to ask.
func (h healthcheck) address(vars map[string]string) (string, error) {
	if h.live && h.ready {
		return "", errors.New("--live and --ready contradict each other")
	}
	if h.timeout <= 0 {
		return "", fmt.Errorf("--timeout: is %s; it takes a positive duration such as 3s", h.timeout)
	}
	if h.url != "" {
		u, err := url.Parse(h.url)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", errors.New("--url: is not an http or https URL, such as http://127.0.0.1:8081/readyz")
		}
		return h.url, nil
	}
	listen := cmp.Or(vars["BRIDGE_ADMIN_ADDR"], variableDefaults()["BRIDGE_ADMIN_ADDR"])
	if listen == adminOff {
		return "", errors.New("BRIDGE_ADMIN_ADDR: is off, so that nobody answers; set it to an address such as 127.0.0.1:8081")
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("BRIDGE_ADMIN_ADDR: is %q; it takes host:port, such as 127.0.0.1:8081", listen)
	}
	if port == "0" {
		if noted := notedAdmin(vars); noted != "" {
			return h.below("http://" + noted), nil
		}
		return "", errors.New("BRIDGE_ADMIN_ADDR: has port 0, and no running bridge has noted in BRIDGE_DATA_DIR which it took; name the address with --url")
	}
	return h.below("http://" + running.OnThisMachine(net.JoinHostPort(host, port))), nil
}

// notedAdmin gives where the bridge that runs on this machine says its admin listener
// is; empty where none does.
func notedAdmin(vars map[string]string) string {
	dir := vars["BRIDGE_DATA_DIR"]
	if dir == "" {
		dir, _ = defaultDataDir(vars) // without a home there is none
	}
	if dir == "" {
		return ""
	}
	note, _ := running.Find(dir)
	return note.Admin
}

// below gives what is asked at an admin listener.
func (h healthcheck) below(base string) string {
	path := "/readyz"
	if h.live {
		path = "/livez"
	}
	return base + path
}

// reasons joins the lines of an answer: what it comes to, and why.
func reasons(lines []string) string {
	if len(lines) < 2 {
		return lines[0]
	}
	return lines[0] + ": " + strings.Join(lines[1:], "; ")
}

// ask gives the first line of the answer, or an error that tells why the bridge is
// not well.
func (h healthcheck) ask(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", address, err)
	}
	// No proxy and no redirect: the answer is this bridge's or nobody's.
	client := &http.Client{
		Transport:     roundtrip.Bound(&http.Transport{DisableKeepAlives: true}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("the bridge does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return "", fmt.Errorf("the answer of %s breaks off: %w", address, err)
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	if response.StatusCode != http.StatusOK {
		return "", errors.New(cmp.Or(reasons(lines), response.Status) + " (" + address + " answers " + response.Status + ")")
	}
	return strings.Join(lines, "; "), nil
}
