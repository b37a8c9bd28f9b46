package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-dev/slipway/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, object any) {
	t.Helper()
	got, err := config.Render(object)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "v1.36", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs, got:\n%s", file, got)
	}
}

func TestTheKubeletsDefaultsAreKubeadms(t *testing.T) {
	c, err := config.DecodeKubelet([]byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"))
	if err != nil {
		t.Fatal(err)
	}
	if notes := config.DefaultKubelet(c, config.KubeletFacts{ClusterDNS: "10.96.0.10", ClusterDomain: "cluster.local", CertificatesDir: "/etc/kubernetes/pki"}); len(notes) > 0 {
		t.Errorf("advice on the defaults: %v", notes)
	}
	golden(t, "kubelet.yaml", c)
}

func TestKubeProxysDefaultsAreKubeadms(t *testing.T) {
	c, err := config.DecodeKubeProxy([]byte("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: nftables\n"))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultKubeProxy(c, config.KubeProxyFacts{PodSubnet: "10.244.0.0/16"})
	golden(t, "kube-proxy.yaml", c)
}

func TestWhatTheUserSetStaysAndIsNoted(t *testing.T) {
	c, err := config.DecodeKubelet([]byte("clusterDNS: [192.0.2.1]\ncgroupDriver: cgroupfs\nreadOnlyPort: 10255\nauthentication: {anonymous: {enabled: true}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	notes := config.DefaultKubelet(c, config.KubeletFacts{ClusterDNS: "10.96.0.10", ClusterDomain: "cluster.local"})
	if c.ClusterDNS[0] != "192.0.2.1" || c.CgroupDriver != "cgroupfs" || !*c.Authentication.Anonymous.Enabled {
		t.Errorf("changed: %+v", c)
	}
	want := []string{"clusterDNS", "authentication.anonymous.enabled", "readOnlyPort"}
	if len(notes) != len(want) {
		t.Fatalf("notes: %v", notes)
	}
	for i, n := range notes {
		if n.Field != want[i] {
			t.Errorf("note %d is about %s", i, n.Field)
		}
	}
}

func TestDecodeNamesTheUnknownFieldAndTheNearestOne(t *testing.T) {
	_, err := config.DecodeKubelet([]byte("authentication: {webhok: {}}\nevictionHard: {memory.available: '1'}\n"))
	var unknown *config.UnknownFieldError
	if !errors.As(err, &unknown) || unknown.Path != "authentication.webhok" || unknown.Nearest != "webhook" {
		t.Errorf("got %v", err)
	}
}

func TestNearestGivesUpOnWordsThatAreNothingLikeIt(t *testing.T) {
	if got := config.Nearest("zebra", []string{"apiServer", "etcd"}); got != "" {
		t.Errorf("got %q", got)
	}
	if got := config.Nearest("apiserver", []string{"apiServer", "etcd"}); got != "apiServer" {
		t.Errorf("got %q", got)
	}
}

func FuzzDecodeKubelet(f *testing.F) {
	f.Add([]byte("cgroupRoot: /kubelet\n"))
	f.Add([]byte("featureGates: {A: true}\nlogging: {options: {json: {infoBufferSize: '0'}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.DecodeKubelet(data)
		if err != nil {
			return
		}
		if _, err := config.Render(c); err != nil {
			t.Errorf("what was decoded cannot be rendered: %v", err)
		}
	})
}
