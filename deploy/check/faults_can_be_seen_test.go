package check

import (
	"bytes"
	"strings"
	"testing"
)

// TestTheChecksCanFail breaks the cluster's manifests in one place each time.
func TestTheChecksCanFail(t *testing.T) {
	right := kustomized(t, "deploy/kubernetes/cluster")
	for _, test := range []struct{ from, to, words string }{
		{"name: BRIDGE_DRAIN_TIMEOUT", "name: BRIDGE_DRAIN_TIMEUOT", "BRIDGE_DRAIN_TIMEUOT: no such setting"},
		{"name: NATS_CREDS", "name: NATS_CREDENTIALS", "NATS_CREDENTIALS: no such setting"},
		{"value: device-code", "value: guess", "BRIDGE_GRAPH_AUTH: "},
		{"/signin-key", "/signin", "BRIDGE_SIGNIN_KEY_FILE: "},
		{"value: :8081", "value: :9091", "the container's ports are"},
		{"value: :8081", "value: 127.0.0.1:8081", "probes do not reach"},
		{"path: /livez", "path: /readyz", "liveness probe"},
		{"terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 30", "grace period is 30s"},
		{"value: 400MiB", "value: 600MiB", "GOMEMLIMIT"},
		{"targetPort: postbacks", "targetPort: admin", "leads nowhere"},
		{"path: /postback/", "path: /", "callbacks are under"},
		{"host: bridge.example.com", "host: bridge.example.org", "the ingress is for"},
		{"port: 4222", "port: 4223", "lets out to"},
		{"port: 8080\n      protocol", "port: 8000\n      protocol", "lets in to"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root file system"},
		{"- ALL", "- NET_RAW", "keeps capabilities"},
		{"type: RuntimeDefault", "type: Unconfined", "seccomp"},
		{"runAsNonRoot: true", "runAsNonRoot: false", "run as root"},
		{"automountServiceAccountToken: false", "automountServiceAccountToken: true", "token"},
		{"secretName: devicebridge", "secretName: other", "not mounted"},
		{"replicas: 3", "replicas: 1", "replicas to spare"},
	} {
		if !bytes.Contains(right, []byte(test.from)) {
			t.Errorf("%q is nowhere in\n%s", test.from, right)
			continue
		}
		m, err := readManifests(bytes.ReplaceAll(right, []byte(test.from), []byte(test.to)))
		if err != nil {
			t.Errorf("%q: %v", test.to, err)
			continue
		}
		if faults := strings.Join(m.faults(t), "\n"); !strings.Contains(faults, test.words) {
			t.Errorf("%q in the place of %q is reported as %q", test.to, test.from, faults)
		}
	}
	for _, test := range []struct{ from, to string }{
		{"runAsNonRoot: true", "runAsNonroot: true"}, {"maxUnavailable: 1", "maxUnavailble: 1"}, {"kind: Deployment", "kind: Deploymint"},
	} {
		if _, err := readManifests(bytes.ReplaceAll(right, []byte(test.from), []byte(test.to))); err == nil {
			t.Errorf("%q is read without an error", test.to)
		}
	}
}
