//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// process is one process of this host, those in machines included.
type process struct {
	pid     int
	command string // arguments, separated by spaces
	cgroup  string
}

func processes(t *testing.T) []process {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	check(t, err, "listing processes")
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		command, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		cgroup, err2 := os.ReadFile(filepath.Join("/proc", e.Name(), "cgroup"))
		if err != nil || err2 != nil || len(command) == 0 {
			continue // ended meanwhile, or a kernel thread
		}
		all = append(all, process{pid, strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " ")), string(cgroup)})
	}
	return all
}

// inMachine matches a program, with its first arguments, in a machine.
func inMachine(machine, program string) func(process) bool {
	return func(p process) bool {
		name := p.command
		if i := strings.LastIndex(strings.SplitN(name, " ", 2)[0], "/"); i >= 0 {
			name = name[i+1:]
		}
		return strings.Contains(p.cgroup, "/"+machine) && (name == program || strings.HasPrefix(name, program+" "))
	}
}

// hostProcess matches one of a cluster's two processes on the host.
func hostProcess(kind, cluster string) func(process) bool {
	return func(p process) bool {
		words := strings.Fields(p.command)
		return strings.Contains(p.command, "slipway") && slices.Contains(words, kind) && slices.Contains(words, cluster)
	}
}

func findProcess(t *testing.T, match func(process) bool) process {
	t.Helper()
	for _, p := range processes(t) {
		if match(p) {
			return p
		}
	}
	t.Fatal("no such process")
	return process{}
}

// hostState is everything on the host that a cluster of these tests could leave behind. What belongs to a cluster by its name is
// looked at for theirs alone, since somebody's own cluster lives on meanwhile; the rest changes only when clusters come and go.
type hostState map[string][]string

// observeHost lists what there is: processes of ours, mounts, cgroups, namespaces, links, nftables rules, files.
func observeHost(t *testing.T) hostState {
	t.Helper()
	s := hostState{}
	for _, p := range processes(t) {
		if strings.Contains(p.cgroup, "/slipway/e2e-") || strings.Contains(p.command, slipway) && strings.Contains(p.command, " e2e-") {
			s["processes"] = append(s["processes"], fmt.Sprintf("%d %s", p.pid, p.command))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err, "reading mounts")
	for _, line := range strings.Split(strings.TrimSpace(string(mounts)), "\n") {
		s["mounts"] = append(s["mounts"], strings.Fields(line)[4])
	}
	s["cgroups"] = list(t, "/sys/fs/cgroup", func(path string, d fs.DirEntry) bool { return d.IsDir() && strings.Contains(path, "/slipway/e2e-") })
	for _, root := range []string{"/run/slipway", "/var/lib/slipway/clusters"} {
		s["files"] = append(s["files"], list(t, root, func(path string, _ fs.DirEntry) bool { return strings.HasPrefix(path, root+"/e2e-") })...)
	}
	links, err := netlink.LinkList()
	check(t, err, "listing links")
	for _, l := range links {
		s["links"] = append(s["links"], l.Attrs().Name)
	}
	conn, err := nftables.New()
	check(t, err, "opening nftables")
	tables, err := conn.ListTables()
	check(t, err, "listing nftables tables")
	for _, table := range tables {
		s["nftables"] = append(s["nftables"], fmt.Sprintf("%d %s", table.Family, table.Name))
	}
	for _, dir := range []string{"/run/netns", "/var/run/netns"} {
		s["namespaces"] = append(s["namespaces"], list(t, dir, everything)...)
	}
	return s
}

func everything(string, fs.DirEntry) bool { return true }

func list(t *testing.T, root string, keep func(string, fs.DirEntry) bool) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // gone while we looked, or never there
		}
		if err == nil && path != root && keep(path, d) {
			found = append(found, path)
		}
		return err
	})
	check(t, err, "listing "+root)
	return found
}

// compare says what is there after that was not there before.
func (before hostState) compare(after hostState) error {
	for kind, things := range after {
		for _, thing := range things {
			if !slices.Contains(before[kind], thing) {
				return fmt.Errorf("left behind: %s %q", kind, thing)
			}
		}
	}
	return nil
}

// interrupt runs slipway and sends it a signal after a time.
func interrupt(t *testing.T, after time.Duration, signal syscall.Signal, args ...string) {
	t.Helper()
	cmd := exec.Command(slipway, args...)
	check(t, cmd.Start(), "starting slipway")
	timer := time.AfterFunc(after, func() { cmd.Process.Signal(signal) })
	defer timer.Stop()
	cmd.Wait() // its status does not matter: it may even have ended before
}
