package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"devicebridge/bridge/graph/signin"
)

// certificate is one that was met, and when it expires.
type certificate struct {
	of   string
	ends time.Time
}

// soon is how long before its end a certificate is warned of: time enough to
// notice that its renewal does not work.
const soon = 14 * 24 * time.Hour

// answer is the head of an HTTP response.
type answer struct {
	code int
	// status is the code with its words.
	status string
	// date is the Date header; took is how long the answer did.
	date string
	took time.Duration
	// ends is when the certificate does; zero without TLS.
	ends time.Time
}

// visit sends a request without any credentials and follows no redirect. What an
// error says does not show the URL, which may hold a secret.
func (d *doctor) visit(ctx context.Context, carrier *http.Transport, method, address, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the URL cannot be read")
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("User-Agent", "devicebridge-doctor/"+version())
	asked := time.Now()
	response, err := carrier.RoundTrip(request)
	if err != nil {
		return answer{}, fmt.Errorf("%s does not answer: %w", request.URL.Host, withoutAddress(err))
	}
	defer func() { _ = response.Body.Close() }() // only the head counts
	a := answer{code: response.StatusCode, status: response.Status, date: response.Header.Get("Date"), took: time.Since(asked)}
	if response.TLS != nil {
		a.ends = response.TLS.PeerCertificates[0].NotAfter
	}
	return a, nil
}

func withoutAddress(err error) error {
	if about, ok := errors.AsType[*url.Error](err); ok {
		return about.Err
	}
	return err
}

// graphTarget is one Graph that the configuration names: the setting, its base URL, and
// below it something that every one of its kind has.
type graphTarget struct{ check, setting, base, path string }

// graphEndpoints asks each Graph that the configuration names for anything: also a
// refusal shows that it is reached, and by what clock.
func (d *doctor) graphEndpoints(ctx context.Context) {
	if d.client {
		d.ok("graph", "not asked from here, since this environment does not say where the bridge has it; the check of sending tells whether it answers the bridge")
		return
	}
	var targets []graphTarget
	if d.c.sends() {
		targets = append(targets, graphTarget{"graph", "BRIDGE_GRAPH_URL", d.c.GraphURL, "/me/devices"})
	}
	if d.c.directs() {
		targets = append(targets, graphTarget{"directory", "BRIDGE_DIRECTORY_URL", d.c.DirectoryURL, "/devices?$top=1"})
	}
	for _, target := range targets {
		check, address := target.check, target.base
		a, err := d.visit(ctx, d.graph, http.MethodGet, strings.TrimRight(address, "/")+target.path, "")
		if err != nil {
			d.fail(check, reachHelp(err), "%v", err)
			continue
		}
		switch {
		case a.code >= http.StatusInternalServerError:
			d.warn(check, "wait, or see Microsoft's page on the health of its services", "%s is reached, and answers %s", address, a.status)
		case a.code == http.StatusNotFound || a.code == http.StatusGone || a.code >= 300 && a.code < 400:
			d.fail(check, "see "+target.setting+": the path may be wrong, which for Graph is /beta or /v1.0", "%s is reached, and answers %s where devices should be", address, a.status)
		default:
			d.ok(check, "%s is reached and answers %s", address, a.status)
		}
		if date, err := http.ParseTime(a.date); err == nil {
			// It is of whole seconds, cut off.
			d.clock("clock of "+check, date.Add(time.Second/2).Sub(time.Now().Add(-a.took/2)))
		}
	}
}

// reachHelp is the way out of an address that is not reached.
func reachHelp(err error) string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not trusted: a proxy may stand in between; name its CA in BRIDGE_GRAPH_CA"
	}
	return "see that names are resolved and that a firewall or HTTPS_PROXY lets it out"
}

// authority asks the authority for its public document, where one signs in there.
func (d *doctor) authority(ctx context.Context) {
	const check = "authority"
	if d.client {
		d.ok(check, "not asked from here; the check of the sign-in tells whether the bridge has a token")
		return
	}
	mode, host, tenant := d.c.GraphAuth, d.c.Azure.AuthorityHost, d.c.Azure.TenantID
	if d.signIn != nil { // the bridge knows better
		mode, host, tenant = signin.Mode(d.signIn.Mode), cmp.Or(d.signIn.Authority, host), cmp.Or(d.signIn.Tenant, tenant)
	}
	if slices.Contains([]signin.Mode{signin.Static, signin.ManagedIdentity, signin.AzureCLI}, mode) {
		d.ok(check, "none is asked by %s", mode)
		return
	}
	address := strings.TrimRight(cmp.Or(host, signin.PublicAuthority), "/") + "/" + cmp.Or(tenant, signin.PersonalTenant) + "/v2.0/.well-known/openid-configuration"
	a, err := d.visit(ctx, d.graph, http.MethodGet, address, "")
	switch {
	case err != nil:
		d.fail(check, reachHelp(err), "%v", err)
	case a.code == http.StatusOK:
		d.ok(check, "%s is reached", address)
	case a.code >= http.StatusInternalServerError:
		d.warn(check, "wait, or see Microsoft's page on the health of its services", "%s answers %s", address, a.status)
	default:
		d.fail(check, "see AZURE_AUTHORITY_HOST and AZURE_TENANT_ID", "%s answers %s", address, a.status)
	}
}

// expiries judges the certificates that were met, and the one that the doctor itself
// shows to NATS.
func (d *doctor) expiries(now time.Time) {
	const check = "certificates"
	list := d.certificates
	if d.c.NATS.Cert != "" && d.c.NATS.Key != "" {
		pair, err := tls.LoadX509KeyPair(d.c.NATS.Cert, d.c.NATS.Key)
		if err != nil {
			d.fail(check, "see NATS_CERT and NATS_KEY", "the client certificate cannot be used: %v", err)
			return
		}
		list = append(list, certificate{"NATS_CERT", pair.Leaf.NotAfter})
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b certificate) int { return a.ends.Compare(b.ends) })
	first := list[0]
	text := fmt.Sprintf("the next to end is that of %s, %s", first.of, first.ends.UTC().Format(time.DateOnly))
	switch {
	case !now.Before(first.ends):
		d.fail(check, "renew it", "that of %s ended %s", first.of, first.ends.UTC().Format(time.DateOnly))
	case first.ends.Sub(now) < soon:
		d.warn(check, "renew it, and see why nothing has so far", "%s", text)
	default:
		d.ok(check, "%s", text)
	}
}
