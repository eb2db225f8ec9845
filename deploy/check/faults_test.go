package check

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// report collects what is wrong.
type report []string

func (r *report) want(right bool, format string, a ...any) {
	if !right {
		*r = append(*r, fmt.Sprintf(format, a...))
	}
}

// bridge gives the pod and, in it, the container that serves.
func (m manifests) bridge() (corev1.PodTemplateSpec, corev1.Container) {
	var pods []corev1.PodTemplateSpec
	for _, d := range m.deployments {
		pods = append(pods, d.Spec.Template)
	}
	for _, s := range m.statefulSets {
		pods = append(pods, s.Spec.Template)
	}
	for _, pod := range pods {
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			if c.Name == "devicebridge" {
				return pod, c
			}
		}
	}
	return corev1.PodTemplateSpec{}, corev1.Container{}
}

// faults gives everything that does not fit the product or another manifest.
func (m manifests) faults(t *testing.T) []string {
	t.Helper()
	var r report
	pod, bridge := m.bridge()
	if bridge.Name == "" {
		return []string{"no container devicebridge"}
	}
	env := environment(bridge)
	r.want(len(bridge.Args) == 0 && len(bridge.Command) == 0, "the bridge runs %v %v, not the image's own command", bridge.Command, bridge.Args)
	r = append(r, product.faults(t, onDisk(t, m, bridge, env, secretText))...)
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if strings.HasSuffix(strings.SplitN(c.Image, ":", 2)[0], "/devicebridge") {
			for _, name := range product.unknown(environment(c)) {
				r.want(false, "container %s: %s: no such setting", c.Name, name)
			}
		}
		r.hardened(c)
	}
	r.pod(pod.Spec)
	r.ports(pod, bridge, env)
	r.stopping(pod.Spec, bridge, env)
	r.budget(bridge, env)
	m.selectors(&r, pod)
	m.route(&r, bridge, env)
	m.policy(&r, bridge, env)
	return r
}

func (r *report) hardened(c corev1.Container) {
	s := c.SecurityContext
	if s == nil || s.Capabilities == nil {
		r.want(false, "container %s has no security context", c.Name)
		return
	}
	r.want(s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, "container %s may escalate its privileges", c.Name)
	r.want(s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem, "container %s may write its root file system", c.Name)
	r.want(slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0, "container %s keeps capabilities", c.Name)
	r.want(s.Privileged == nil && s.RunAsUser == nil, "container %s sets a user or privileges of its own", c.Name)
	r.want(!c.Resources.Limits.Memory().IsZero() && !c.Resources.Requests.Memory().IsZero() && !c.Resources.Requests.Cpu().IsZero(), "container %s has no memory limit or no requests", c.Name)
}

func (r *report) pod(p corev1.PodSpec) {
	s := p.SecurityContext
	r.want(s != nil && s.RunAsNonRoot != nil && *s.RunAsNonRoot, "the pod may run as root")
	r.want(s != nil && s.RunAsUser != nil && *s.RunAsUser == 65532, "the pod's user is not the image's")
	r.want(s != nil && s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "the pod has no seccomp profile")
	r.want(p.AutomountServiceAccountToken != nil && !*p.AutomountServiceAccountToken, "the pod has a token of the Kubernetes API")
	r.want(p.EnableServiceLinks != nil && !*p.EnableServiceLinks, "the pod gets variables of services")
	r.want(!p.HostNetwork && !p.HostPID && !p.HostIPC, "the pod shares a namespace of its node")
	for _, v := range p.Volumes {
		r.want(v.HostPath == nil, "volume %s is a folder of the node", v.Name)
	}
}

// ports holds the container's ports, the listeners, the probes and the scrape
// together.
func (r *report) ports(pod corev1.PodTemplateSpec, c corev1.Container, env map[string]string) {
	named := map[string]int32{}
	for _, p := range c.Ports {
		named[p.Name] = p.ContainerPort
	}
	want := map[string]int32{"postbacks": portOf(product.setting(env, "BRIDGE_LISTEN_ADDR")), "admin": portOf(product.setting(env, "BRIDGE_ADMIN_ADDR"))}
	if env["BRIDGE_COMMANDS"] == "off" {
		delete(want, "postbacks")
	}
	r.want(maps.Equal(named, want), "the container's ports are %v, the bridge listens on %v", named, want)
	r.want(strings.HasPrefix(product.setting(env, "BRIDGE_ADMIN_ADDR"), ":"), "probes do not reach BRIDGE_ADMIN_ADDR %s", product.setting(env, "BRIDGE_ADMIN_ADDR"))
	startup := "startup /livez" // waiting for NATS is no reason to start it anew
	if c.RestartPolicy != nil {
		startup = "startup /readyz" // the application waits for the NATS server inside
	}
	for name, probe := range map[string]*corev1.Probe{startup: c.StartupProbe, "liveness /livez": c.LivenessProbe, "readiness /readyz": c.ReadinessProbe} {
		kind, path, _ := strings.Cut(name, " ")
		right := probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Path == path && probe.HTTPGet.Port == intstr.FromString("admin")
		r.want(right, "the %s probe does not ask %s of the admin listener", kind, path)
	}
	a := pod.Annotations
	r.want(a["prometheus.io/scrape"] == "true" && a["prometheus.io/port"] == strconv.Itoa(int(want["admin"])), "Prometheus is pointed at %q", a["prometheus.io/port"])
}

func (r *report) stopping(p corev1.PodSpec, c corev1.Container, env map[string]string) {
	drain, err := time.ParseDuration(product.setting(env, "BRIDGE_DRAIN_TIMEOUT"))
	r.want(err == nil, "BRIDGE_DRAIN_TIMEOUT: %v", err)
	need := drain + 5*time.Second
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
		need += time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	}
	if c.RestartPolicy != nil { // a sidecar: the application stops first
		r.want(*c.RestartPolicy == corev1.ContainerRestartPolicyAlways, "the sidecar's restart policy is %s", *c.RestartPolicy)
		need += 10 * time.Second
	}
	got := time.Duration(0)
	if p.TerminationGracePeriodSeconds != nil {
		got = time.Duration(*p.TerminationGracePeriodSeconds) * time.Second
	}
	r.want(got >= need, "the grace period is %s, a stop takes up to %s", got, need)
}

func (r *report) budget(c corev1.Container, env map[string]string) {
	target, err := resource.ParseQuantity(strings.TrimSuffix(env["GOMEMLIMIT"], "B"))
	r.want(err == nil && target.Cmp(*c.Resources.Limits.Memory()) < 0, "GOMEMLIMIT is %q, the limit %s", env["GOMEMLIMIT"], c.Resources.Limits.Memory())
}

func selects(selector *metav1.LabelSelector, labels map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && !s.Empty() && s.Matches(labelSet(labels))
}

func portOf(address string) int32 {
	_, text, _ := strings.Cut(address, ":")
	if port, err := strconv.ParseInt(text, 10, 32); err == nil {
		return int32(port)
	}
	return -1
}

// natsPort is the port of NATS_URL's first server, or 0.
func natsPort(env map[string]string) int32 {
	first, _, _ := strings.Cut(env["NATS_URL"], ",")
	u, err := url.Parse(first)
	if err != nil || u.Port() == "" {
		return 0
	}
	return portOf(":" + u.Port())
}

func policyPorts(ports []networkingv1.NetworkPolicyPort) []int32 {
	var numbers []int32
	for _, p := range ports {
		if p.Port != nil {
			numbers = append(numbers, p.Port.IntVal)
		}
	}
	return numbers
}
