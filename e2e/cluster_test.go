//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCluster is the life of one cluster, with a second one beside it for a while.
func TestCluster(t *testing.T) {
	// The release and the image are not the cluster's: have them before looking at what there is.
	must(t, "release", "build")
	must(t, "image", "build")
	before := observeHost(t)

	t.Run("a life", func(t *testing.T) {
		const a = "e2e-a"
		up(t, a)
		t.Run("the node is Ready and carries no taint", func(t *testing.T) { ready(t, a) })
		t.Run("pods run", func(t *testing.T) { workloads(t, a) })
		t.Run("a second up has nothing to do", func(t *testing.T) { nothingToDo(t, a) })
		t.Run("two clusters with equal addresses", func(t *testing.T) { twoClusters(t, a, "e2e-b") })
		t.Run("killed processes come back", func(t *testing.T) { heals(t, a) })
		t.Run("after all that, up has nothing to do", func(t *testing.T) { nothingToDo(t, a) })
	})
	if t.Failed() && os.Getenv("SLIPWAY_E2E_KEEP") != "" {
		return
	}
	t.Run("down leaves nothing", func(t *testing.T) {
		eventually(t, 10*time.Second, "the host is as it was", func() error { return before.compare(observeHost(t)) })
	})
}

func ready(t *testing.T, cluster string) {
	out := kubectl(t, cluster, "get", "nodes", "-o", "json")
	var nodes struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Taints []map[string]string }
			Status   struct {
				Conditions []struct{ Type, Status string }
				NodeInfo   struct{ KubeletVersion string }
			}
		}
	}
	check(t, json.Unmarshal([]byte(out), &nodes), "reading the nodes")
	if len(nodes.Items) != 1 {
		t.Fatalf("%d nodes, want 1", len(nodes.Items))
	}
	node := nodes.Items[0]
	if node.Metadata.Name != cluster+"-control-plane-1" || len(node.Spec.Taints) != 0 || node.Status.NodeInfo.KubeletVersion != "v1.36.3" {
		t.Errorf("got %+v", node)
	}
	for _, c := range node.Status.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			t.Errorf("the node is not Ready")
		}
	}
}

func nothingToDo(t *testing.T, cluster string) {
	r := run(t, "up", cluster)
	if r.status != 0 || !strings.Contains(r.stderr+r.stdout, "Nothing to be done") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if out := must(t, "up", cluster, "--dry-run"); !strings.Contains(out, "Nothing to be done") {
		t.Errorf("the plan is %q", out)
	}
}

func twoClusters(t *testing.T, first, second string) {
	up(t, second)
	ready(t, second)
	ready(t, first)
	secondClusterCostsLittle(t, first, second)
	address := func(cluster string) string {
		return kubectl(t, cluster, "get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	}
	if a, b := address(first), address(second); a != b {
		t.Errorf("addresses %s and %s, want equal ones", a, b)
	}
	uid := func(cluster string) string {
		return kubectl(t, cluster, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
	}
	if uid(first) == uid(second) {
		t.Error("both names lead to the same cluster")
	}
	r := run(t, "kubectl", "get", "nodes")
	if r.status != 1 || !strings.Contains(r.stderr, "none was named") {
		t.Errorf("with two clusters and no name: status %d, %s", r.status, r.stderr)
	}
}

// heals kills each kind of process that a cluster stands on and waits until it serves again.
func heals(t *testing.T, cluster string) {
	machine := cluster + "-control-plane-1"
	kubectl(t, cluster, "create", "configmap", "kept", "--from-literal=key=value")
	serves := func() error {
		r := run(t, "kubectl", "--cluster", cluster, "--request-timeout=2s", "get", "configmap", "kept", "-o", "jsonpath={.data.key}")
		if r.status != 0 || r.stdout != "value" {
			return fmt.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
		}
		return nil
	}
	podsRun := func() error {
		r := run(t, "kubectl", "--cluster", cluster, "--request-timeout=2s", "get", "pods", "-A", "-o", `jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}`)
		if r.status != 0 || strings.Contains(r.stdout, "=False") || !strings.Contains(r.stdout, "=True") {
			return fmt.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
		}
		return nil
	}
	for _, victim := range []struct {
		name  string
		match func(process) bool
	}{
		{"the API server", inMachine(machine, "kube-apiserver")},
		{"containerd", inMachine(machine, "containerd")},
		{"the kubelet", inMachine(machine, "kubelet")},
		{"the gateway", hostProcess("gateway", cluster)},
		{"the keeper", hostProcess("keeper", cluster)},
		{"the machine's first process", inMachine(machine, "slipway agent")},
	} {
		t.Run(victim.name, func(t *testing.T) {
			old := findProcess(t, victim.match)
			check(t, syscall.Kill(old.pid, syscall.SIGKILL), "killing")
			eventually(t, 60*time.Second, "a new process", func() error {
				for _, p := range processes(t) {
					if victim.match(p) && p.pid != old.pid {
						return nil
					}
				}
				return fmt.Errorf("pid %d has no successor", old.pid)
			})
			eventually(t, 90*time.Second, "the API serves what it held", serves)
			eventually(t, 120*time.Second, "the pods run", podsRun)
		})
	}
}

// TestInterruptedUpConverges kills up at different moments: run again it ends well, down instead leaves nothing.
func TestInterruptedUpConverges(t *testing.T) {
	must(t, "release", "build")
	must(t, "image", "build")
	before := observeHost(t)
	const name = "e2e-c"
	for _, tc := range []struct {
		after  time.Duration
		signal syscall.Signal
		again  bool
	}{
		{50 * time.Millisecond, syscall.SIGKILL, false},
		{150 * time.Millisecond, syscall.SIGKILL, true},
		{300 * time.Millisecond, syscall.SIGINT, false},
		{800 * time.Millisecond, syscall.SIGKILL, true},
		{2500 * time.Millisecond, syscall.SIGKILL, false},
		{4 * time.Second, syscall.SIGINT, true},
	} {
		t.Run(fmt.Sprintf("%v after %v", tc.signal, tc.after), func(t *testing.T) {
			interrupt(t, tc.after, tc.signal, "up", name)
			if tc.again {
				up := run(t, "up", name)
				if up.status != 0 {
					t.Errorf("up again: status %d\n%s%s", up.status, up.stdout, up.stderr)
				}
				ready(t, name)
			}
			if r := run(t, "down", name); r.status != 0 {
				t.Errorf("down: status %d\n%s%s", r.status, r.stdout, r.stderr)
			}
			eventually(t, 10*time.Second, "the host is as it was", func() error { return before.compare(observeHost(t)) })
		})
	}
}
