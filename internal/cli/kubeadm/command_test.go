package kubeadm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/internal/cli/kubeadm"
	kubeadmapi "github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/pki"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := kubeadm.Command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommandsThatAreStillToComeSaySo(t *testing.T) {
	for _, line := range []string{"join 10.0.0.1:6443 --token x", "reset -f", "upgrade apply v1.37.0", "certs renew all", "kubeconfig user", "token list", "config migrate --old-config x", "config images list", "config print join-defaults"} {
		if _, err := run(t, strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), "not in this version of Slipway yet; nothing was changed") {
			t.Errorf("kubeadm %s: %v", line, err)
		}
	}
}

func TestUnknownWordsAreRefused(t *testing.T) {
	for _, line := range []string{"jion", "init phase nonsense", "token make", "init now", "init --nonsense"} {
		if _, err := run(t, strings.Fields(line)...); err == nil || strings.Contains(err.Error(), "yet") {
			t.Errorf("kubeadm %s: %v", line, err)
		}
	}
}

func TestTheDefaultsThatArePrintedCanBeLoaded(t *testing.T) {
	out, err := run(t, "config", "print", "init-defaults")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kubeadmapi.Load([]byte(out)); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "config", "validate", "--config", file); err != nil || out != "ok\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestValidateNamesFileFieldAndReason(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterNam: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, "config", "validate", "--config", file)
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), `"clusterNam", did you mean "clusterName"?`) {
		t.Errorf("got %v", err)
	}
}

func TestAConfigurationFileAndFlagsForTheSameExclude(t *testing.T) {
	_, err := run(t, "init", "--config", "x", "--pod-network-cidr", "10.0.0.0/16", "--dry-run")
	if err == nil || !strings.Contains(err.Error(), "--config and --pod-network-cidr cannot be used together") {
		t.Errorf("got %v", err)
	}
}

func TestTokenGeneratePrintsOne(t *testing.T) {
	out, err := run(t, "token", "generate")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.ParseToken(strings.TrimSpace(out)); err != nil {
		t.Error(err)
	}
}

func TestDryRunPrintsThePlan(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs Linux: a machine is looked at")
	}
	if _, err := os.Stat("/etc/kubernetes"); err == nil {
		t.Skip("this machine is a node: the plan would depend on it")
	}
	out, err := run(t, "init", "-v5", "--dry-run", "--apiserver-advertise-address", "10.5.0.2", "--node-name", "cp-1", "--cri-socket", "unix:///run/x.sock")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"certs/apiserver", "kubeconfig/admin", "control-plane/scheduler", "because"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
}

func TestVersionIsThatOfKubernetes(t *testing.T) {
	if out, err := run(t, "version", "-o", "short"); err != nil || out != kubeadmapi.DefaultKubernetesVersion+"\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
