package check

import (
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func labelSet(l map[string]string) labels.Set { return l }

// selectors checks that everything that selects pods selects ours.
func (m manifests) selectors(r *report, pod corev1.PodTemplateSpec) {
	for _, d := range m.deployments {
		r.want(selects(d.Spec.Selector, pod.Labels), "the Deployment does not select its pods")
		r.want(len(pod.Spec.TopologySpreadConstraints) == 2, "the replicas are not spread")
		r.want(d.Spec.Replicas != nil && *d.Spec.Replicas > 1, "the Deployment has no replicas to spare")
	}
	for _, s := range m.statefulSets {
		r.want(selects(s.Spec.Selector, pod.Labels), "the StatefulSet does not select its pods")
		r.want(s.Spec.Replicas != nil && *s.Spec.Replicas == 1, "the StatefulSet has %v replicas, each with a store of its own", s.Spec.Replicas)
		r.want(slices.ContainsFunc(m.services, func(v corev1.Service) bool {
			return v.Name == s.Spec.ServiceName && v.Spec.ClusterIP == corev1.ClusterIPNone
		}), "no headless service %s", s.Spec.ServiceName)
	}
	for _, c := range pod.Spec.TopologySpreadConstraints {
		r.want(selects(c.LabelSelector, pod.Labels), "the spread over %s counts other pods", c.TopologyKey)
	}
	for _, b := range m.budgets {
		r.want(selects(b.Spec.Selector, pod.Labels), "the PodDisruptionBudget is about other pods")
	}
	for _, p := range m.policies {
		r.want(selects(&p.Spec.PodSelector, pod.Labels), "the NetworkPolicy is about other pods")
	}
	for _, s := range m.services {
		r.want(labels.SelectorFromSet(s.Spec.Selector).Matches(labelSet(pod.Labels)), "Service %s leads to other pods", s.Name)
	}
	named := slices.ContainsFunc(m.accounts, func(a corev1.ServiceAccount) bool {
		return a.Name == pod.Spec.ServiceAccountName && a.AutomountServiceAccountToken != nil && !*a.AutomountServiceAccountToken
	})
	r.want(named, "no service account %s without a token", pod.Spec.ServiceAccountName)
	for _, s := range m.secrets {
		held := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Secret != nil && v.Secret.SecretName == s.Name })
		r.want(held, "Secret %s is not mounted", s.Name)
	}
}

// route follows a postback from the public URL to the container.
func (m manifests) route(r *report, c corev1.Container, env map[string]string) {
	if env["BRIDGE_COMMANDS"] == "off" {
		r.want(len(m.ingresses) == 0 && env["BRIDGE_PUBLIC_URL"] == "", "a bridge without commands is reached from outside")
		return
	}
	public, err := url.Parse(env["BRIDGE_PUBLIC_URL"])
	r.want(err == nil && public.Scheme == "https", "BRIDGE_PUBLIC_URL is %q", env["BRIDGE_PUBLIC_URL"])
	for _, i := range m.ingresses {
		r.want(strings.Contains(i.Annotations["nginx.ingress.kubernetes.io/enable-access-log"], "false"), "the ingress logs callback URLs")
		for _, rule := range i.Spec.Rules {
			r.want(rule.Host == public.Hostname(), "the ingress is for %s, the public URL %s", rule.Host, public)
			for _, p := range rule.HTTP.Paths {
				r.want(p.Path == strings.TrimSuffix(public.Path, "/")+"/postback/", "the ingress passes %s, callbacks are under %s/postback/", p.Path, public.Path)
				r.want(m.leads(p.Backend.Service.Name, p.Backend.Service.Port.Name, c), "the ingress leads to %s port %s, which leads nowhere", p.Backend.Service.Name, p.Backend.Service.Port.Name)
			}
		}
		for _, t := range i.Spec.TLS {
			r.want(slices.Equal(t.Hosts, []string{public.Hostname()}), "the certificate is for %v", t.Hosts)
		}
		r.want(len(i.Spec.TLS) == 1 && len(i.Spec.Rules) == 1, "the ingress has %d certificates and %d rules", len(i.Spec.TLS), len(i.Spec.Rules))
	}
}

// leads reports whether the service's port is the one for postbacks.
func (m manifests) leads(service, port string, c corev1.Container) bool {
	for _, s := range m.services {
		for _, p := range s.Spec.Ports {
			if s.Name == service && p.Name == port && p.TargetPort.StrVal == "postbacks" {
				return slices.ContainsFunc(c.Ports, func(cp corev1.ContainerPort) bool { return cp.Name == "postbacks" })
			}
		}
	}
	return false
}

// policy checks that nothing is open but what the bridge has, and everything that it
// needs.
func (m manifests) policy(r *report, c corev1.Container, env map[string]string) {
	for _, p := range m.policies {
		r.want(len(p.Spec.PolicyTypes) == 2, "the NetworkPolicy is for %v only", p.Spec.PolicyTypes)
		var in, has []int32
		for _, rule := range p.Spec.Ingress {
			r.want(len(rule.From) > 0, "the NetworkPolicy lets everybody in")
			in = append(in, policyPorts(rule.Ports)...)
		}
		for _, port := range c.Ports {
			has = append(has, port.ContainerPort)
		}
		slices.Sort(in)
		slices.Sort(has)
		r.want(slices.Equal(in, has), "the NetworkPolicy lets in to %v, the container has %v", in, has)
		var out []int32
		for _, rule := range p.Spec.Egress {
			r.want(len(rule.To) > 0, "the NetworkPolicy lets out to everywhere")
			out = append(out, policyPorts(rule.Ports)...)
		}
		want := []int32{53, 53, 443}
		if port := natsPort(env); port != 0 {
			want = append(want, port)
		}
		if env["BRIDGE_GRAPH_AUTH"] == "managed-identity" {
			want = append(want, 80)
		}
		slices.Sort(out)
		slices.Sort(want)
		r.want(slices.Equal(out, want), "the NetworkPolicy lets out to %v, the bridge needs %v", out, want)
	}
}
