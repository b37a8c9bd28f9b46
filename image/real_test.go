package image_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/plan"
)

// realOptions describes an image of real programs, which SLIPWAY_TEST_PROGRAMS must hold: kube, containerd and so on. The
// store is SLIPWAY_TEST_STORE, which keeps its packages from one run to the next, or a temporary one.
func realOptions(t *testing.T) image.Options {
	t.Helper()
	programs := os.Getenv("SLIPWAY_TEST_PROGRAMS")
	if programs == "" || os.Getenv("SLIPWAY_TEST_NETWORK") == "" {
		t.Skip("needs a compiled release and the network: set SLIPWAY_TEST_PROGRAMS=<directory> and SLIPWAY_TEST_NETWORK=1")
	}
	store := os.Getenv("SLIPWAY_TEST_STORE")
	if store == "" {
		store = t.TempDir()
	}
	o := image.Options{Store: store, Kubernetes: "v1.36.3", Arch: "amd64", Agent: agentOf(programs), Mirror: os.Getenv("SLIPWAY_TEST_MIRROR")}
	add := func(file string, names ...string) {
		digest := digestOf(t, filepath.Join(programs, file))
		blob := filepath.Join(store, "blobs", "sha256", digest[7:])
		if _, err := os.Stat(blob); err != nil {
			copyTo(t, filepath.Join(programs, file), blob)
		}
		for _, name := range names {
			o.Programs = append(o.Programs, image.Program{Name: name, Digest: digest, Path: blob})
		}
	}
	add("kube", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet", "kubectl")
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc", "etcd", "etcdctl", "etcdutl", "coredns", "pause", "flanneld",
		"cni/bridge", "cni/host-local", "cni/loopback", "cni/portmap"} {
		add(name, name)
	}
	for name, reference := range map[string]string{
		"kube-apiserver": "registry.k8s.io/kube-apiserver:v1.36.3", "kube-controller-manager": "registry.k8s.io/kube-controller-manager:v1.36.3",
		"kube-scheduler": "registry.k8s.io/kube-scheduler:v1.36.3", "kube-proxy": "registry.k8s.io/kube-proxy:v1.36.3",
		"etcd": "registry.k8s.io/etcd:3.6.16-0", "coredns": "registry.k8s.io/coredns/coredns:v1.15.0", "pause": "registry.k8s.io/pause:3.10.2",
		"flannel": "ghcr.io/flannel-io/flannel:v0.28.10",
	} {
		o.Components = append(o.Components, image.Component{Name: name, Reference: reference})
	}
	return o
}

// TestRealBuild builds a whole image from the archive that this host uses.
func TestRealBuild(t *testing.T) {
	o := realOptions(t)
	report := func(ev plan.Event) { t.Log(time.Now().Format("05.000"), ev.Message, ev.Current, ev.Total) }
	begin := time.Now()
	m, err := image.Build(t.Context(), o, report)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("built", m, time.Since(begin))
	begin = time.Now()
	again, err := image.Current(o)
	t.Log("looked", time.Since(begin))
	if err != nil || again.Digest != m.Digest || !again.Built {
		t.Fatalf("the image is not there after it was built: %+v, %v", again, err)
	}
	clone := filepath.Join(t.TempDir(), "var")
	if store := os.Getenv("SLIPWAY_TEST_STORE"); store != "" {
		clone = filepath.Join(store, "clone")
		if err := os.RemoveAll(clone); err != nil {
			t.Fatal(err)
		}
	}
	begin = time.Now()
	if err := image.CloneState(t.Context(), m.StateDir, clone); err != nil {
		t.Fatal(err)
	}
	t.Log("cloned", time.Since(begin))
}

func digestOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// agentOf returns the file that stands for the agent: SLIPWAY_TEST_AGENT, or any program.
func agentOf(programs string) string {
	if agent := os.Getenv("SLIPWAY_TEST_AGENT"); agent != "" {
		return agent
	}
	return filepath.Join(programs, "runc")
}

// TestRealBuildCanBeInterrupted stops the making of the container state at several moments.
func TestRealBuildCanBeInterrupted(t *testing.T) {
	o := realOptions(t)
	m, err := image.Build(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{100, 300, 600, 1000, 1500, 2000, 2500} {
		if err := os.RemoveAll(filepath.Dir(m.StateDir)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
		begin := time.Now()
		_, err := image.Build(ctx, o, nil)
		cancel()
		t.Logf("told to stop after %s, stopped after %s: %v", after*time.Millisecond, time.Since(begin), err)
		left, gerr := filepath.Glob(filepath.Join(o.Store, "states", ".unfinished*"))
		if gerr != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, gerr)
		}
	}
	if again, err := image.Build(t.Context(), o, nil); err != nil || again.Digest != m.Digest {
		t.Errorf("built again it is %+v, %v", again, err)
	}
}
