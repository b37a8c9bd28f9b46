package node_test

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/host/hosttest"
	"github.com/slipway-dev/slipway/node"
	"github.com/slipway-dev/slipway/node/apiclient/apitest"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/phase"
	"github.com/slipway-dev/slipway/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// machine is a Linux machine fit for a control plane, whose kubelet starts the API server when it is started itself.
func machine(api *apitest.Server) *hosttest.Host {
	h := hosttest.New()
	h.SetHostname("cp-1")
	h.Put("/proc/self/status", "Uid:\t0\t0\t0\t0\nCpus_allowed_list:\t0-1\n", 0o444)
	h.Put("/proc/meminfo", "MemTotal:       24000000 kB\n", 0o444)
	h.Put("/proc/sys/kernel/osrelease", "6.12.0\n", 0o444)
	h.Put("/proc/sys/net/ipv4/ip_forward", "1\n", 0o644)
	h.Put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n", 0o444)
	h.Put("/etc/hosts", "127.0.0.1 localhost\n10.5.0.2 cp-1\n", 0o644)
	h.Put("/run/systemd/system/.keep", "", 0o644)
	h.Put("/var/run/containerd/containerd.sock", "", fs.ModeSocket|0o660)
	h.Put("/proc/net/route", "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"+
		"eth0\t00000000\t0100050A\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t0000050A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", 0o444)
	h.Put("/proc/net/fib_trie", "Local:\n  |-- 10.5.0.2\n     /32 host LOCAL\n  |-- 127.0.0.1\n     /32 host LOCAL\n", 0o444)
	for _, dir := range []string{"/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"} {
		h.Put(dir+"/.keep", "", 0o644)
	}
	for _, name := range []string{"losetup", "mount", "cp"} {
		h.Install(name, hosttest.Prints(""))
	}
	h.Install("kubelet", hosttest.Prints("Kubernetes v1.36.3\n"))
	h.Install("systemctl", func(_ context.Context, p *hosttest.Process) int {
		if slices.Equal(p.Args, []string{"restart", "kubelet"}) {
			p.Host.Listen(10248, 10250)
			api.Start()
			if api.Object("/api/v1/nodes/cp-1") == nil {
				api.Put("/api/v1/nodes/cp-1", map[string]any{"kind": "Node", "metadata": map[string]any{"name": "cp-1"}, "spec": map[string]any{}})
			}
		}
		if p.Args[0] == "is-active" {
			return 3
		}
		return 0
	})
	return h
}

const clusterYAML = `
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- token: abcdef.0123456789abcdef
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
controlPlaneEndpoint: api.example.com:6443
networking:
  podSubnet: 10.244.0.0/16
`

type run struct {
	*node.Init
	warnings []string
	steps    []string
}

func planInit(t *testing.T, h *hosttest.Host, api *apitest.Server, yaml string, change ...func(*node.InitOptions)) (*run, error) {
	t.Helper()
	c, err := kubeadm.Load([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{}
	var mu sync.Mutex
	o := node.InitOptions{Options: phase.Options{Poll: time.Millisecond, Transport: api.Transport, Warn: func(s string) {
		mu.Lock()
		defer mu.Unlock()
		r.warnings = append(r.warnings, s)
	}}}
	for _, f := range change {
		f(&o)
	}
	r.Init, err = node.PlanInit(t.Context(), h, c, o)
	return r, err
}

func (r *run) apply(ctx context.Context) error {
	return plan.Executor{Report: func(e plan.Event) {
		if e.Phase == plan.Done {
			r.steps = append(r.steps, e.Step)
		}
	}}.Apply(ctx, r.Plan)
}

func mustInit(t *testing.T, h *hosttest.Host, api *apitest.Server, yaml string, change ...func(*node.InitOptions)) *run {
	t.Helper()
	r, err := planInit(t, h, api, yaml, change...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs, got:\n%s", file, got)
	}
}

func TestInitLeavesTheFilesAndObjectsThatKubeadmLeaves(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	r := mustInit(t, h, api, clusterYAML)
	golden(t, "v1.36/tree.txt", strings.Join(append(h.Tree("/etc/kubernetes"), h.Tree("/var/lib")...), "\n")+"\n")
	golden(t, "v1.36/objects.yaml", objects(t, api, h.Get("/etc/kubernetes/pki/ca.crt")))
	if len(r.warnings) > 0 {
		t.Errorf("warnings: %q", r.warnings)
	}
	for _, name := range []string{"manifests/etcd.yaml", "manifests/kube-apiserver.yaml", "manifests/kube-controller-manager.yaml", "manifests/kube-scheduler.yaml"} {
		golden(t, "v1.36/"+name, h.Get("/etc/kubernetes/"+name))
	}
	for _, name := range []string{"config.yaml", "instance-config.yaml", "kubeadm-flags.env"} {
		golden(t, "v1.36/kubelet/"+name, h.Get("/var/lib/kubelet/"+name))
	}
}

// objects renders all that is in the cluster but its nodes and namespaces, without what differs from run to run.
func objects(t *testing.T, api *apitest.Server, ca string) string {
	t.Helper()
	var all strings.Builder
	for _, path := range api.Paths() {
		o := api.Object(path)
		if kind := o["kind"]; kind == nil || kind == "Namespace" || kind == "Node" {
			continue
		}
		meta := maps.Clone(o["metadata"].(map[string]any))
		delete(meta, "uid")
		delete(meta, "resourceVersion")
		delete(meta, "creationTimestamp")
		o = maps.Clone(o)
		o["metadata"] = meta
		data, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("---\n" + string(data))
	}
	return strings.ReplaceAll(all.String(), base64.StdEncoding.EncodeToString([]byte(ca)), "<the authority>")
}

func TestASecondInitHasNothingToWrite(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	mustInit(t, h, api, clusterYAML)
	before, tree := len(api.Writes()), fmt.Sprint(h.Tree("/"))
	again := mustInit(t, h, api, clusterYAML)
	if got := api.Writes()[before:]; len(got) > 0 {
		t.Errorf("wrote %v", got)
	}
	if fmt.Sprint(h.Tree("/")) != tree {
		t.Error("files changed")
	}
	for _, id := range again.steps {
		if strings.HasPrefix(id, "certs/") || strings.HasPrefix(id, "kubelet-start") || strings.HasPrefix(id, "etcd") {
			t.Errorf("step %s ran again", id)
		}
	}
}
