//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// TestReboot takes away what a reboot of the host takes, and expects `up` to bring the same cluster back with its data.
func TestReboot(t *testing.T) {
	const name = "e2e-d"
	links := func() []string { return observeHost(t)["links"] }
	before := links()
	up(t, name)
	kubectl(t, name, "create", "configmap", "kept", "--from-literal=key=value")
	kubeconfig := must(t, "kubeconfig", name)

	reboot(t, name, slices.DeleteFunc(links(), func(l string) bool { return slices.Contains(before, l) }))
	if list := must(t, "list", "-o", "json"); !strings.Contains(list, `"state": "stopped"`) {
		t.Errorf("after the reboot: %s", list)
	}
	r := run(t, "up", name)
	if r.status != 0 {
		t.Fatalf("up after the reboot: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	t.Logf("up after the reboot took %v\n%s", r.took.Round(10*time.Millisecond), r.stderr)
	if got := kubectl(t, name, "get", "configmap", "kept", "-o", "jsonpath={.data.key}"); got != "value" {
		t.Errorf("the data is %q", got)
	}
	if must(t, "kubeconfig", name) != kubeconfig {
		t.Error("the kubeconfig is another one")
	}
	ready(t, name)
}

// reboot ends all processes of a cluster at once and removes what lives in memory: mounts, namespaces, links, rules, cgroups.
func reboot(t *testing.T, cluster string, links []string) {
	t.Helper()
	ours := func(p process) bool {
		return strings.Contains(p.cgroup, "/slipway/"+cluster) || hostProcess("keeper", cluster)(p) || hostProcess("gateway", cluster)(p)
	}
	eventually(t, 20*time.Second, "all processes have ended", func() error {
		left := slices.DeleteFunc(processes(t), func(p process) bool { return !ours(p) })
		for _, p := range left {
			if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				return err
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("%d are left", len(left))
		}
		return nil
	})
	run := filepath.Join("/run/slipway", cluster)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err, "reading mounts")
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	slices.Reverse(lines) // inner mounts first
	for _, line := range lines {
		if at := strings.Fields(line)[4]; strings.HasPrefix(at, run+"/") {
			check(t, syscall.Unmount(at, syscall.MNT_DETACH), "unmounting "+at)
		}
	}
	check(t, os.RemoveAll(run), "removing "+run)
	for _, name := range links {
		if link, err := netlink.LinkByName(name); err == nil { // gone already with its namespace
			check(t, netlink.LinkDel(link), "removing link "+name)
		}
	}
	conn, err := nftables.New()
	check(t, err, "opening nftables")
	tables, err := conn.ListTables()
	check(t, err, "listing tables")
	for _, table := range tables {
		if strings.HasSuffix(table.Name, cluster) {
			conn.DelTable(table)
		}
	}
	check(t, conn.Flush(), "removing the tables")
}
