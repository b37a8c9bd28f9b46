package patch_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/slipway-dev/slipway/host/hosttest"
	"github.com/slipway-dev/slipway/node/patch"
)

const pod = `{"spec":{"containers":[{"name":"etcd","command":["etcd"],"readinessProbe":{"periodSeconds":1,"timeoutSeconds":15}}]}}`

func load(t *testing.T, files map[string]string) (patch.Set, []string, error) {
	t.Helper()
	h := hosttest.New()
	h.Put("/patches/.keep", "", 0o644)
	for name, content := range files {
		h.Put("/patches/"+name, content, 0o644)
	}
	return patch.Load(h, "/patches")
}

func TestPatchesOfEveryKindApplyInTheOrderOfTheirNames(t *testing.T) {
	set, ignored, err := load(t, map[string]string{
		"etcd0.yaml":                "spec: {containers: [{name: etcd, readinessProbe: {periodSeconds: 5}}]}\n",
		"etcd1+json.yaml":           "[{op: add, path: /spec/containers/0/command/-, value: --a}]\n",
		"etcd2+merge.json":          `{"metadata":{"name":"x"}}`,
		"etcd3+strategic.yaml":      "metadata: {name: z}\n---\nmetadata: {labels: {a: b}}\n",
		"kube-apiserver+merge.yaml": "metadata: {name: other}\n",
		"README.md":                 "not a patch",
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(ignored, ",") != ".keep,README.md" {
		t.Errorf("ignored %v", ignored)
	}
	got, err := set.Apply("etcd", []byte(pod), corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"labels":{"a":"b"},"name":"z"},"spec":{"containers":[{"command":["etcd","--a"],"name":"etcd","readinessProbe":{"periodSeconds":5,"timeoutSeconds":15}}]}}`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestMistakesInPatchesAreNamed(t *testing.T) {
	tests := map[string]struct{ name, content, want string }{
		"an unknown kind":           {"etcd+jsn.yaml", "a: b", `patch "etcd+jsn.yaml": unknown kind "jsn"`},
		"no kind":                   {"etcd+.yaml", "a: b", "says no kind after the +"},
		"no YAML":                   {"etcd.yaml", "a: [", `patch "etcd.yaml"`},
		"an operation that fails":   {"etcd+json.yaml", "[{op: remove, path: /nothing}]", `applying patch "etcd+json.yaml" to etcd`},
		"a patch of the wrong type": {"etcd+json.yaml", "a: b", `applying patch "etcd+json.yaml" to etcd`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, _, err := load(t, map[string]string{tt.name: tt.content})
			if err == nil {
				_, err = set.Apply("etcd", []byte(pod), corev1.Pod{})
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestADirectoryThatDoesNotExistIsAnError(t *testing.T) {
	if _, _, err := patch.Load(hosttest.New(), "/nowhere"); err == nil {
		t.Error("no error")
	}
	if _, _, err := patch.Load(hosttest.New(), ""); err != nil {
		t.Errorf("no directory at all: %v", err)
	}
}
