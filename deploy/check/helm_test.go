package check

import (
	"bytes"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const chart = "deploy/helm/devicebridge"

// minimal is the least that each mode asks for.
func minimal(mode string) string {
	if mode == "cluster" {
		return `
publicURL: https://bridge.example.com/graph
nats: {url: "tls://nats.nats.svc:4222"}
graph: {clientID: 00000000-0000-0000-0000-000000000000}
`
	}
	return `
mode: sidecar
publicURL: https://bridge.example.com
graph: {url: https://gateway.example.com/beta, auth: static}
secret: {keys: {callbackKeys: "", signInKey: "", graphToken: graph-token}}
application:
  containers:
    - name: application
      image: registry.example.com/devicebridge:v0.0.0
      args: [watch]
      env: [{name: NATS_URL, value: "nats://127.0.0.1:4222"}]
      resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`
}

// rendered renders the chart as `helm template` does, the schema of its values included.
func rendered(t *testing.T, values ...string) (string, error) {
	t.Helper()
	c, err := loader.Load(filepath.Join(root, chart))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	for _, text := range values {
		var more map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &more); err != nil {
			t.Fatal(err)
		}
		given = loader.MergeMaps(given, more)
	}
	all, err := util.ToRenderValues(c, given, common.ReleaseOptions{Name: "demo", Namespace: "devicebridge", IsInstall: true}, common.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") {
			b.WriteString(files[name] + "\n---\n")
		} else if notes := files[name]; strings.HasSuffix(name, "NOTES.txt") && !strings.Contains(notes, "must have: ") {
			t.Errorf("the notes are %q", notes)
		}
	}
	return b.String(), nil
}

// withSecret adds the Secret that the chart leaves to the operator, with the keys
// that the values name.
func withSecret(m manifests) manifests {
	_, c := m.bridge()
	s := corev1.Secret{StringData: map[string]string{}}
	s.Name = "devicebridge"
	for _, v := range c.Env {
		if key, ok := strings.CutPrefix(v.Value, "/etc/devicebridge/secrets/"); ok {
			s.StringData[key] = ""
		}
	}
	m.secrets = append(m.secrets, s)
	return m
}

func TestChart(t *testing.T) {
	for _, test := range []struct{ name, mode, values string }{
		{"cluster", "cluster", ""},
		{"sidecar", "sidecar", ""},
		{"every option", "cluster", `
image: {digest: "sha256:` + strings.Repeat("0", 64) + `"}
imagePullSecrets: [{name: mirror}]
nats: {url: "tls://one.example.com:4223,two.example.com"}
graph: {tenantID: consumers, url: https://gateway.example.com/beta}
networkPolicy: {egress: [], natsPort: 4223}
secret: {name: other, keys: {natsCA: ca.pem}}
drainSeconds: 90
preStopSeconds: 10
settings: {BRIDGE_POSTBACK_TRUST: confirm, BRIDGE_POLL_GROWTH: 1.5, OTEL_SERVICE_NAME: bridge}
serviceAccount: {annotations: {azure.workload.identity/client-id: x}}
podLabels: {azure.workload.identity/use: "true"}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: edge, operator: Exists}]
affinity: {nodeAffinity: {}}
ingress: {className: nginx, tlsSecret: bridge-tls}
`},
		{"nothing but pods", "sidecar", `
ingress: {enabled: false}
podDisruptionBudget: {enabled: false}
networkPolicy: {enabled: false}
persistence: {storageClassName: fast, size: 8Gi}
application: {volumes: [{name: scratch, emptyDir: {}}]}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := rendered(t, minimal(test.mode), test.values)
			if err != nil {
				t.Fatal(err)
			}
			m, err := readManifests([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			m = withSecret(m)
			if test.name == "every option" {
				m.secrets[0].Name = "other"
			}
			for _, fault := range m.faults(t) {
				t.Error(fault)
			}
			if off := test.name == "nothing but pods"; off != (len(m.ingresses)+len(m.policies)+len(m.budgets) == 0) {
				t.Errorf("%d ingresses, %d policies, %d budgets", len(m.ingresses), len(m.policies), len(m.budgets))
			}
			if want := map[string]int{"cluster": 1, "sidecar": 0}[test.mode]; len(m.deployments) != want || len(m.statefulSets) != 1-want {
				t.Errorf("%d Deployments and %d StatefulSets", len(m.deployments), len(m.statefulSets))
			}
		})
	}
}

// withoutCommands is a feed of the directory, which nobody calls back.
const withoutCommands = `
publicURL: ""
nats: {url: "tls://nats.nats.svc:4222"}
graph: {auth: managed-identity}
settings: {BRIDGE_COMMANDS: off, BRIDGE_DIRECTORY: read, BRIDGE_INVENTORY: on}
secret: {keys: {callbackKeys: ""}}
`

// TestChartWithoutCommands: it needs no public URL, no callback keys and no way in, and
// gets at its identity.
func TestChartWithoutCommands(t *testing.T) {
	text, err := rendered(t, withoutCommands)
	if err != nil {
		t.Fatal(err)
	}
	m, err := readManifests([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m = withSecret(m)
	for _, fault := range m.faults(t) {
		t.Error(fault)
	}
	if len(m.services) != 0 {
		t.Errorf("it has %d Services", len(m.services))
	}
	if !strings.Contains(text, "cidr: 169.254.169.254/32") {
		t.Error("the NetworkPolicy does not let out to the identity endpoint")
	}
}

// TestSettingsAreWrittenAsTheyAreRead: whatever YAML and Helm make of a value, the
// bridge takes it.
func TestSettingsAreWrittenAsTheyAreRead(t *testing.T) {
	text, err := rendered(t, minimal("cluster"), `
settings:
  BRIDGE_STREAM_MAX_BYTES: 10737418240
  BRIDGE_INVENTORY_MAX_BYTES: 1.073741824e+10
  BRIDGE_WORKERS: 32
  BRIDGE_POLL_GROWTH: 1.5
  BRIDGE_POLL_JITTER: 0.00001
  BRIDGE_POSTBACK_RATE: 1000000
  BRIDGE_INVENTORY: on
  BRIDGE_DIRECTORY: off
  BRIDGE_POSTBACK_TRUST: confirm
  BRIDGE_URI_SCHEMES: [https, contoso]
  BRIDGE_DEVICES: "dev-'1', $x:*, *"
  OTEL_SDK_DISABLED: true
`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := readManifests([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	_, c := m.bridge()
	env := environment(c)
	for name, want := range map[string]string{
		"BRIDGE_STREAM_MAX_BYTES": "10737418240", "BRIDGE_INVENTORY_MAX_BYTES": "10737418240", "BRIDGE_WORKERS": "32",
		"BRIDGE_POLL_GROWTH": "1.5", "BRIDGE_POLL_JITTER": "1e-05", "BRIDGE_POSTBACK_RATE": "1000000",
		"BRIDGE_INVENTORY": "on", "BRIDGE_DIRECTORY": "off", "BRIDGE_POSTBACK_TRUST": "confirm",
		"BRIDGE_URI_SCHEMES": "https,contoso", "BRIDGE_DEVICES": `dev-'1', $x:*, *`, "OTEL_SDK_DISABLED": "true",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	m = withSecret(m)
	delete(env, "BRIDGE_WORKERS")   // with a fault of the test's own in its place serve tells all others
	delete(env, "BRIDGE_INVENTORY") // it asks for a directory, which a bridge that sends commands does not have
	if faults := product.faults(t, onDisk(t, m, c, env, secretText)); len(faults) != 0 {
		t.Errorf("serve refuses %q", faults)
	}
}

// TestChartForPrometheus: what the operator of Prometheus finds leads to the pods' admin
// port, and its alerts are the product's.
func TestChartForPrometheus(t *testing.T) {
	for _, mode := range []string{"cluster", "sidecar"} {
		text, err := rendered(t, minimal(mode), `
serviceMonitor: {enabled: true, interval: 15s, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
`)
		if err != nil {
			t.Fatal(err)
		}
		m, err := readManifests([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range withSecret(m).faults(t) {
			t.Error(fault)
		}
		if len(m.monitors) != 1 || len(m.rules) != 1 || m.monitors[0].Labels["release"] != "prometheus" || m.rules[0].Labels["release"] != "prometheus" {
			t.Fatalf("%s: %+v, %+v", mode, m.monitors, m.rules)
		}
		found := 0
		for _, s := range m.services {
			for _, p := range s.Spec.Ports {
				if monitor := m.monitors[0].Spec; selects(&monitor.Selector, s.Labels) && p.Name == monitor.Endpoints[0].Port && p.TargetPort.StrVal == "admin" && s.Labels[monitor.JobLabel] == "devicebridge" {
					found++
				}
			}
		}
		if found != 1 || m.monitors[0].Spec.Endpoints[0].Path != "/metrics" {
			t.Errorf("%s: %d Services are scraped", mode, found)
		}
		var alerts struct {
			Groups []map[string]any `json:"groups"`
		}
		if err := yaml.UnmarshalStrict(readFile(t, "deploy/observability/alerts.yaml"), &alerts); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m.rules[0].Spec.Groups, alerts.Groups) {
			t.Errorf("%s: the rules are not those of deploy/observability", mode)
		}
	}
}

// TestChartTakesMore: variables, volumes and mounts of one's own reach the container.
func TestChartTakesMore(t *testing.T) {
	for _, mode := range []string{"cluster", "sidecar"} {
		text, err := rendered(t, minimal(mode), `
extraEnv: [{name: BRIDGE_POLICY_FILE, value: /etc/devicebridge/policy/policy.yaml}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
extraEnvFrom: [{configMapRef: {name: more}}]
extraVolumes: [{name: policy, configMap: {name: policy}}]
extraVolumeMounts: [{name: policy, mountPath: /etc/devicebridge/policy, readOnly: true}]
`)
		if err != nil {
			t.Fatal(err)
		}
		m, err := readManifests([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		pod, c := m.bridge()
		if env := environment(c); env["BRIDGE_POLICY_FILE"] == "" || len(c.EnvFrom) != 1 ||
			!slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "policy" && v.ConfigMap != nil }) ||
			!slices.ContainsFunc(c.VolumeMounts, func(v corev1.VolumeMount) bool { return v.Name == "policy" }) {
			t.Errorf("%s: variables %v from %v, volumes %v, mounts %v", mode, env, c.EnvFrom, pod.Spec.Volumes, c.VolumeMounts)
		}
	}
}

// TestChartIsLinted as `helm lint` does, with its own defaults and in both modes.
func TestChartIsLinted(t *testing.T) {
	for name, text := range map[string]string{"defaults": "", "sidecar, nothing else": "mode: sidecar", "cluster": minimal("cluster"), "sidecar": minimal("sidecar"), "no commands": withoutCommands} {
		var values map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		for _, message := range lint.RunAll(filepath.Join(root, chart), values, "devicebridge").Messages {
			if message.Severity >= support.WarningSev {
				t.Errorf("%s: %s", name, message)
			}
		}
	}
}

// TestChartRefuses: a wrong value is refused with its name.
func TestChartRefuses(t *testing.T) {
	for _, test := range []struct{ mode, values, words string }{
		{"cluster", "publicURL: http://bridge.example.com", "/publicURL"},
		{"cluster", `publicURL: ""`, "publicURL is missing"},
		{"cluster", `nats: {url: ""}`, "nats.url is missing"},
		{"cluster", `secret: {keys: {callbackKeys: ""}}`, "secret.keys.callbackKeys is missing"},
		{"cluster", "settings: {BRIDGE_LISTEN_ADDR: ':80'}", "invalid propertyName 'BRIDGE_LISTEN_ADDR'"},
		{"cluster", "settings: {NATS_URL: 'nats://x'}", "invalid propertyName 'NATS_URL'"},
		{"cluster", "settings: {BRIDGE_DEVICES: {a: b}}", "/settings/BRIDGE_DEVICES"},
		{"cluster", "mode: both", "/mode"},
		{"cluster", "replica: 2", "replica"},
		{"cluster", "settings: {WORKERS: 3}", "WORKERS"},
		{"cluster", "marginSeconds: 0", "/marginSeconds"},
		{"cluster", "image: {digest: latest}", "/image/digest"},
		{"sidecar", "application: {containers: []}", "application.containers is empty"},
	} {
		if _, err := rendered(t, minimal(test.mode), test.values); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s is answered with %v, want %q in it", test.values, err, test.words)
		}
	}
}

// TestEveryValueIsDescribed: a value stands in values.yaml, in its schema and in a template, or nowhere.
func TestEveryValueIsDescribed(t *testing.T) {
	var values map[string]any
	if err := yaml.UnmarshalStrict(readFile(t, chart, "values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	if err := yaml.Unmarshal(readFile(t, chart, "values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema.Properties, "global") // Helm's own
	if got, want := slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, want) {
		t.Errorf("values.yaml has %q, the schema %q", got, want)
	}
	var templates bytes.Buffer
	files, err := filepath.Glob(filepath.Join(root, chart, "templates", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		templates.Write(readFile(t, chart, "templates", filepath.Base(file)))
	}
	for name := range values {
		if !regexp.MustCompile(`\.Values\.` + name + `\b`).Match(templates.Bytes()) {
			t.Errorf("no template uses %s", name)
		}
	}
}

// TestTheChartAndTheManifestsAgree: who goes from one to the other gets the same bridge.
func TestTheChartAndTheManifestsAgree(t *testing.T) {
	for _, folder := range kustomizations() {
		mode := filepath.Base(folder)
		own := ""
		if mode == "cluster" { // the default is for a sidecar, which has the NATS server in the same memory
			own = "resources: {limits: {memory: 512Mi}}"
		}
		text, err := rendered(t, minimal(mode), own)
		if err != nil {
			t.Fatal(err)
		}
		byChart, err := readManifests([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		byHand, err := readManifests(kustomized(t, folder))
		if err != nil {
			t.Fatal(err)
		}
		_, one := byChart.bridge()
		_, other := byHand.bridge()
		for name, pair := range map[string][2]any{
			"probes":           {[]*corev1.Probe{one.StartupProbe, one.LivenessProbe, one.ReadinessProbe}, []*corev1.Probe{other.StartupProbe, other.LivenessProbe, other.ReadinessProbe}},
			"security context": {one.SecurityContext, other.SecurityContext},
			"resources":        {one.Resources, other.Resources},
			"ports":            {one.Ports, other.Ports},
			"mounts":           {one.VolumeMounts, other.VolumeMounts},
			"restart policy":   {one.RestartPolicy, other.RestartPolicy},
			"life cycle":       {one.Lifecycle, other.Lifecycle},
		} {
			a, errA := yaml.Marshal(pair[0])
			b, errB := yaml.Marshal(pair[1])
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: the %s by the chart are\n%s, by hand\n%s", mode, name, a, b)
			}
		}
	}
}
