package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests is what one kustomization or chart gives.
type manifests struct {
	deployments  []appsv1.Deployment
	statefulSets []appsv1.StatefulSet
	services     []corev1.Service
	accounts     []corev1.ServiceAccount
	secrets      []corev1.Secret
	namespaces   []corev1.Namespace
	ingresses    []networkingv1.Ingress
	policies     []networkingv1.NetworkPolicy
	budgets      []policyv1.PodDisruptionBudget
	monitors     []serviceMonitor
	rules        []prometheusRule
}

// serviceMonitor and prometheusRule have of the Prometheus operator's kinds what the
// chart uses of them.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		JobLabel  string               `json:"jobLabel"`
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

type prometheusRule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Groups []map[string]any `json:"groups"`
	} `json:"spec"`
}

// add reads one document into the list of its kind. A member that the kind does
// not have, or has twice, is an error.
func (m *manifests) add(document []byte) error {
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(document, &head); err != nil {
		return err
	}
	switch kind := head.APIVersion + " " + head.Kind; kind {
	case "apps/v1 Deployment":
		return into(document, &m.deployments)
	case "apps/v1 StatefulSet":
		return into(document, &m.statefulSets)
	case "v1 Service":
		return into(document, &m.services)
	case "v1 ServiceAccount":
		return into(document, &m.accounts)
	case "v1 Secret":
		return into(document, &m.secrets)
	case "v1 Namespace":
		return into(document, &m.namespaces)
	case "networking.k8s.io/v1 Ingress":
		return into(document, &m.ingresses)
	case "networking.k8s.io/v1 NetworkPolicy":
		return into(document, &m.policies)
	case "policy/v1 PodDisruptionBudget":
		return into(document, &m.budgets)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return into(document, &m.monitors)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return into(document, &m.rules)
	default:
		return fmt.Errorf("%s: this kind is not checked", kind)
	}
}

func into[T any](document []byte, list *[]T) error {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	var object T
	// The API server's own reader: a wrong case in a name is wrong too.
	strict, err := json.UnmarshalStrict(text, &object)
	if err := errors.Join(append(strict, err)...); err != nil {
		return err
	}
	*list = append(*list, object)
	return nil
}

func readManifests(text []byte) (manifests, error) {
	var m manifests
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		if err := m.add(document); err != nil {
			return m, fmt.Errorf("%w in\n%s", err, document)
		}
	}
	return m, nil
}

// kustomized builds a kustomization as `kubectl apply -k` does.
func kustomized(t *testing.T, folder string) []byte {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func kustomizations() []string {
	return []string{"deploy/kubernetes/sidecar", "deploy/kubernetes/cluster"}
}

// TestEveryManifestIsAKubernetesObject reads each file by itself, since
// kustomize may drop what it does not know.
func TestEveryManifestIsAKubernetesObject(t *testing.T) {
	var files []string
	err := filepath.WalkDir(filepath.Join(root, "deploy/kubernetes"), func(file string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(file, ".yaml") && filepath.Base(file) != "kustomization.yaml" {
			files = append(files, file)
		}
		return err
	})
	if err != nil || len(files) < 15 {
		t.Fatalf("manifests are %q (%v)", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readManifests(text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestKustomizations(t *testing.T) {
	for _, folder := range kustomizations() {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			m, err := readManifests(kustomized(t, folder))
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range m.faults(t) {
				t.Error(fault)
			}
			if len(m.namespaces) != 1 || len(m.secrets) != 1 || len(m.ingresses) != 1 || len(m.policies) != 1 || len(m.budgets) != 1 {
				t.Errorf("namespaces, secrets, ingresses, policies, budgets: %d %d %d %d %d, want one of each",
					len(m.namespaces), len(m.secrets), len(m.ingresses), len(m.policies), len(m.budgets))
			}
			if got := m.namespaces[0].Labels["pod-security.kubernetes.io/enforce"]; got != "restricted" {
				t.Errorf("the namespace enforces %q", got)
			}
		})
	}
}

// TestPlaceholdersAreRefused: who applies the example as it is gets an error and
// not a bridge with a key that stands in a repository.
func TestPlaceholdersAreRefused(t *testing.T) {
	for _, folder := range kustomizations() {
		m, err := readManifests(kustomized(t, folder))
		if err != nil {
			t.Fatal(err)
		}
		for key, text := range m.secrets[0].StringData {
			if text != "" {
				t.Errorf("%s: the Secret's %s is %q, which is no placeholder", folder, key, text)
			}
		}
		_, bridge := m.bridge()
		env := environment(bridge)
		faults := product.faults(t, onDisk(t, m, bridge, env, func(string) string { return "" }))
		for name := range env {
			if strings.HasSuffix(name, "_FILE") && !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, name+": ") && strings.HasSuffix(f, " is empty") }) {
				t.Errorf("%s: an empty %s is not refused: %q", folder, name, faults)
			}
		}
	}
}

// environment gives a container's variables.
func environment(c corev1.Container) map[string]string {
	env := map[string]string{}
	for _, v := range c.Env {
		env[v.Name] = v.Value
	}
	return env
}

// onDisk puts the Secret's keys where the test can write, and gives the
// environment that names them there.
func onDisk(t *testing.T, m manifests, c corev1.Container, env map[string]string, text func(key string) string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for _, s := range m.secrets {
		for key := range s.StringData {
			if err := os.WriteFile(filepath.Join(dir, key), []byte(text(key)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	moved := maps.Clone(env)
	for _, mount := range c.VolumeMounts {
		if mount.Name != "secrets" {
			continue
		}
		for name, value := range moved {
			if inside, ok := strings.CutPrefix(value, mount.MountPath+"/"); ok {
				moved[name] = filepath.Join(dir, inside)
			}
		}
	}
	return moved
}
