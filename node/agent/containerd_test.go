package agent

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/slipway-dev/slipway/host/hosttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestContainerdConfiguration(t *testing.T) {
	for name, config := range map[string]runtimeConfig{
		"config.toml":            {PauseImage: "registry.k8s.io/pause:3.10.1"},
		"config-restricted.toml": {RestrictOOMScore: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.render()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestPauseImageIsTheMachineImages(t *testing.T) {
	h := hosttest.New()
	if image, err := pauseImage(h.ReadFile); image != "" || err != nil {
		t.Errorf("without a file: %q %v", image, err)
	}
	h.Put(MachineFile, `{"pauseImage": "registry.k8s.io/pause:3.10.1", "other": 1}`, 0o644)
	if image, err := pauseImage(h.ReadFile); image != "registry.k8s.io/pause:3.10.1" || err != nil {
		t.Errorf("got %q %v", image, err)
	}
	h.Put(MachineFile, `{`, 0o644)
	if _, err := pauseImage(h.ReadFile); err == nil {
		t.Error("a broken file is no error")
	}
}

func TestKubeletCommandIsKubeadms(t *testing.T) {
	h := hosttest.New()
	base := []string{
		"--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
		"--kubeconfig=/etc/kubernetes/kubelet.conf", "--config=/var/lib/kubelet/config.yaml",
	}
	args, env, err := kubeletCommand(h.ReadFile)
	if err != nil || !slices.Equal(args, base) || len(env) != 0 {
		t.Errorf("without files: %q %q %v", args, env, err)
	}
	h.Put(kubeadmFlagsFile, `KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.1 --node-labels='a=b,c=d'"`, 0o644)
	h.Put(kubeletExtraFile, "KUBELET_EXTRA_ARGS=--v=4\nHTTPS_PROXY=http://proxy:3128\n", 0o644)
	args, env, err = kubeletCommand(h.ReadFile)
	if want := append(base, "--node-ip=10.0.0.1", "--node-labels=a=b,c=d", "--v=4"); err != nil || !slices.Equal(args, want) {
		t.Errorf("got %q %v", args, err)
	}
	if !slices.Contains(env, "HTTPS_PROXY=http://proxy:3128") {
		t.Errorf("environment %q", env)
	}
}
