package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

var update = flag.Bool("update", false, "write the generated files anew")

// call runs the program as a person would and returns what it printed and its exit status.
func call(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Run(t.Context(), term.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, append([]string{"slipway"}, args...))
	return out.String(), errs.String(), status
}

func TestTheReferencePageIsCurrent(t *testing.T) {
	const path = "../../docs/reference/cli.md"
	var page bytes.Buffer
	WriteReference(&page)
	if *update {
		if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, page.Bytes()) {
		t.Error("docs/reference/cli.md is not what the commands say: go test ./internal/cli -update")
	}
}

func TestWrongInputIsAnsweredWithWhatWhyAndAHint(t *testing.T) {
	home := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: most commands first say that they need root; run as root")
	}
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"a misspelt command", []string{"upp"}, []string{`no command "upp"`, "hint:", "slipway up"}},
		{"an unknown flag", []string{"up", "--nodes", "3"}, []string{"unknown flag: --nodes", "hint:", "--help"}},
		{"an unknown output format", []string{"list", "-o", "yaml"}, []string{`unknown output format "yaml"`, "-o json"}},
		{"a name that is no DNS label", []string{"up", "My_Cluster"}, []string{`"My_Cluster" cannot be a cluster's name`, "hint:"}},
		{"a name that is too long", []string{"up", strings.Repeat("a", 41)}, []string{"41 characters", "hint:"}},
		{"two names", []string{"up", "a", "b"}, []string{"2 names given", "hint:"}},
		{"an unsupported version", []string{"up", "--kubernetes-version", "v1.12.0"}, []string{"v1.12.0", "v1.36.3"}},
		{"a version that is none", []string{"release", "build", "latest"}, []string{`"latest"`, "v1.36.3"}},
		{"an unknown source", []string{"up", "--release-source", "magic"}, []string{`no release source "magic"`, "hint:"}},
		{"a cluster that is not there", []string{"kubeconfig", "nope"}, []string{`no cluster "nope"`, "hint:", "slipway up"}},
		{"kubectl without a cluster", []string{"kubectl", "get", "nodes"}, []string{"no cluster", "hint:", "slipway up"}},
		{"kubectl with a forgotten name", []string{"kubectl", "--cluster"}, []string{"--cluster needs a value", "hint:"}},
		{"a machine that is not there", []string{"shell", "nope-control-plane-1"}, []string{`no machine "nope-control-plane-1"`, "hint:"}},
		{"a log that there is not", []string{"logs", "dev-control-plane-1", "syslog"}, []string{`no log "syslog"`, "kubelet"}},
		{"an image that is not there", []string{"image", "rm", "sha256:abc"}, []string{`0 images match "sha256:abc"`, "hint:"}},
		{"an image of a release that is not there", []string{"image", "build"}, []string{"hint:", "slipway release build"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// In front, since every flag after kubectl is kubectl's own.
			out, errs, status := call(t, append([]string{"--home", home}, tc.args...)...)
			if status != 1 || out != "" {
				t.Errorf("status %d and output %q, want 1 and none", status, out)
			}
			for _, want := range tc.want {
				if !strings.Contains(errs, want) {
					t.Errorf("%q does not mention %q", errs, want)
				}
			}
		})
	}
}

func TestAnswersAreVersionedDocuments(t *testing.T) {
	home := t.TempDir()
	for command, kind := range map[string]string{
		"version": "Version", "list": "ClusterList", "release list": "ReleaseList", "image list": "ImageList",
	} {
		out, errs, status := call(t, append(strings.Fields(command), "-o", "json", "--home", home)...)
		var doc term.TypeMeta
		if err := json.Unmarshal([]byte(out), &doc); err != nil || status != 0 {
			t.Errorf("%s: status %d, %v\n%s", command, status, err, errs)
			continue
		}
		if doc != term.Kind(kind) {
			t.Errorf("%s answers with %+v, want %+v", command, doc, term.Kind(kind))
		}
	}
}
