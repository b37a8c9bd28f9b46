package cluster

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/release"
)

func aLocal(t *testing.T) *Local {
	t.Helper()
	dir := t.TempDir()
	return &Local{Home: dir, RunDir: filepath.Join(dir, "run"), Arch: "amd64", Executable: "/nowhere/slipway", Rand: rand.Reader, Now: time.Now}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"dev": true, "team-a": true, "a1": true, strings.Repeat("a", 40): true,
		"": false, "Dev": false, "a_b": false, "-a": false, "a.b": false, "../x": false, strings.Repeat("a", 41): false,
	} {
		err := ValidateName(name)
		var invalid *InvalidNameError
		if good != (err == nil) || err != nil && (!errors.As(err, &invalid) || invalid.Hint() == "") {
			t.Errorf("ValidateName(%q) = %v", name, err)
		}
	}
}

func TestAuthoritiesAreMadeOnceAndKeysAreTheirOwners(t *testing.T) {
	l := aLocal(t)
	first, err := l.authorities("dev")
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.authorities("dev")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range first.files {
		if string(again.files[i].data) != string(f.data) {
			t.Errorf("%s was made anew", f.path)
		}
	}
	err = filepath.WalkDir(l.dir("dev"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if filepath.Ext(path) == ".key" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnAuthorityWhoseMakingWasInterruptedIsMadeAnew(t *testing.T) {
	l := aLocal(t)
	if _, err := l.authorities("dev"); err != nil {
		t.Fatal(err)
	}
	crt := filepath.Join(l.dir("dev"), "pki", "ca.crt") // it is written after the key
	if err := os.Remove(crt); err != nil {
		t.Fatal(err)
	}
	a, err := l.authorities("dev")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.pairs["ca"].Cert.CheckSignatureFrom(a.pairs["ca"].Cert); err != nil {
		t.Errorf("certificate and key do not belong together: %v", err)
	}
}

func TestMergedKubeconfigsKeepWhatWasThere(t *testing.T) {
	l := aLocal(t)
	a, err := l.authorities("dev")
	if err != nil {
		t.Fatal(err)
	}
	data, err := l.kubeconfig("dev", a, 6443, adminUser, adminGroup, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.writeRecord(Record{Name: "dev"}), writeFile(l.kubeconfigPath("dev"), data, 0o600)); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), "config")
	const theirs = "apiVersion: v1\nkind: Config\nclusters: [{name: work, cluster: {server: 'https://work'}}]\ncontexts: [{name: work, context: {cluster: work, user: me}}]\ncurrent-context: work\nusers: [{name: me, user: {token: t}}]\n"
	if err := os.WriteFile(own, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.MergeKubeconfig("dev", own); err != nil {
		t.Fatal(err)
	}
	merged, err := clientcmd.LoadFromFile(own)
	if err != nil {
		t.Fatal(err)
	}
	if merged.CurrentContext != "slipway-dev" || merged.Contexts["work"] == nil || merged.AuthInfos["me"].Token != "t" {
		t.Errorf("got %+v", merged)
	}
	if got := merged.Clusters["slipway-dev"].Server; got != "https://127.0.0.1:6443" {
		t.Errorf("the cluster is at %s", got)
	}
}

func TestTheOnlyClusterNeedsNoName(t *testing.T) {
	l := aLocal(t)
	var absent *NotFoundError
	if _, err := l.Named(""); !errors.As(err, &absent) {
		t.Errorf("without clusters: %v", err)
	}
	if err := l.writeRecord(Record{Name: "one"}); err != nil {
		t.Fatal(err)
	}
	if name, err := l.Named(""); name != "one" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	if err := l.writeRecord(Record{Name: "two"}); err != nil {
		t.Fatal(err)
	}
	var ambiguous *AmbiguousError
	if _, err := l.Named(""); !errors.As(err, &ambiguous) {
		t.Errorf("with two clusters: %v", err)
	}
	if name, err := l.Named("two"); name != "two" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
}

func TestThePlanHoldsWhatIsMissingAndNoMore(t *testing.T) {
	all := found{release: "r", image: "i", network: "n", machine: "m", api: "a", node: "n", addons: "a"}
	for _, tc := range []struct {
		name  string
		found found
		want  []string
	}{
		{"nothing is there", all, []string{stepRelease, stepImage, stepNetwork, stepMachine, stepControlPlane, stepAddons, stepNode}},
		{"all is well", found{}, nil},
		{"a warm store", found{network: "n", machine: "m", api: "a", node: "n", addons: "a"}, []string{stepNetwork, stepMachine, stepControlPlane, stepAddons, stepNode}},
		{"an addon is missing", found{addons: "a"}, []string{stepAddons}},
		{"after a reboot", found{network: "n", machine: "m", api: "a", node: "n", addons: "a", restart: true}, []string{stepNetwork, stepMachine, stepControlPlane, stepNode, stepAddons}},
		{"the gateway died", found{network: "n", api: "a", node: "n", addons: "a"}, []string{stepNetwork, stepControlPlane, stepAddons, stepNode}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			up := &bringUp{Local: aLocal(t), spec: Spec{Name: "dev"}, machine: "dev-control-plane-1", want: release.AllSupported()[0], found: tc.found}
			p := up.plan()
			var got []string
			for _, s := range p.Steps {
				got = append(got, s.ID)
				if s.Needs == nil {
					t.Errorf("step %q waits for the one before it instead of what it needs", s.ID)
				}
				if s.Reason == "" {
					t.Errorf("step %q gives no reason", s.ID)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("steps %v, want %v", got, tc.want)
			}
			if err := p.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOnlyAClusterThatWasWholeIsRestarted(t *testing.T) {
	for addons, restart := range map[string]bool{"": false, "digest": true} {
		up := &bringUp{Local: aLocal(t), record: Record{Name: "dev", Addons: addons}}
		up.observeMachine(engine.Cluster{}, &engine.Machine{Status: engine.Stopped})
		if up.found.restart != restart || up.found.machine == "" {
			t.Errorf("with addons %q: %+v", addons, up.found)
		}
	}
}

func TestUpRefusesVersionsItCannotMake(t *testing.T) {
	l := aLocal(t)
	if _, err := l.Up(t.Context(), Spec{Name: "dev", Kubernetes: "v1.1.1"}); err == nil || !strings.Contains(err.Error(), "v1.36.3") {
		t.Errorf("an unsupported version: %v, want an error that names the supported ones", err)
	}
	if err := l.writeRecord(Record{Name: "old", Kubernetes: "v1.20.0"}); err != nil {
		t.Fatal(err)
	}
	var change *VersionChangeError
	if _, err := l.Up(t.Context(), Spec{Name: "old", Kubernetes: "v1.36.3"}); !errors.As(err, &change) || change.Hint() == "" {
		t.Errorf("a change of version: %v", err)
	}
}
