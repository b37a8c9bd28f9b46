package cluster

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-dev/slipway/node/cloudconfig"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/release"
)

var update = flag.Bool("update", false, "write golden files anew")

func aMachine(t *testing.T, version string, host hostFacts) firstMachine {
	t.Helper()
	want, err := release.Find(version)
	if err != nil {
		t.Fatal(err)
	}
	return firstMachine{
		Cluster: "dev", Machine: "dev-control-plane-1", Host: host,
		Address: netip.MustParseAddr("10.213.0.11"), Endpoint: netip.MustParseAddr("10.213.0.1"),
		Release: release.Release{Kubernetes: want.Kubernetes, Arch: "amd64", Components: want.Components},
	}
}

func TestKubeadmDocuments(t *testing.T) {
	for name, host := range map[string]hostFacts{
		"cgroup-v1": {CgroupV1: true},
		"cgroup-v2": {MayRaisePriority: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := aMachine(t, "v1.36.3", host).kubeadmDocuments()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "v1.36", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestUserDataIsWhatAgentAndKubeadmAccept(t *testing.T) {
	l := aLocal(t)
	authorities, err := l.authorities("dev")
	if err != nil {
		t.Fatal(err)
	}
	data, err := aMachine(t, "v1.36.3", hostFacts{CgroupV1: true}).userData(authorities)
	if err != nil {
		t.Fatal(err)
	}
	config, err := cloudconfig.Parse(data, cloudconfig.Instance{Hostname: "dev-control-plane-1"})
	if err != nil {
		t.Fatal(err)
	}
	var document []byte
	for _, f := range config.Files {
		if filepath.Ext(f.Path) == ".key" && f.Mode != 0o600 {
			t.Errorf("%s is readable by others: %v", f.Path, f.Mode)
		}
		if f.Path == kubeadmConfig {
			document = f.Content
		}
	}
	loaded, err := kubeadm.Load(document)
	if err != nil {
		t.Fatal(err)
	}
	init, err := loaded.Complete(kubeadm.Facts{Hostname: "dev-control-plane-1", Rand: l.Rand})
	if err != nil {
		t.Fatal(err)
	}
	if len(init.NodeRegistration.Taints) != 0 {
		t.Error("the only node would refuse workloads")
	}
	if got, want := init.ControlPlaneURL(), "https://10.213.0.1:6443"; got != want {
		t.Errorf("the endpoint is %s, want %s", got, want)
	}
}
