package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const mountTable = `22 28 0:20 / /proc rw,nosuid - proc proc rw
30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 1 8:1 / /run/containerd/a\040b rw - ext4 /dev/sda1 rw
41 40 8:1 / /run/containerd/a\040b/c rw - ext4 /dev/sda1 rw
broken line
`

func TestMountTableIsUnderstood(t *testing.T) {
	mounts := parseMounts(mountTable)
	if len(mounts) != 7 || !slices.Equal(mounts[3].Super, []string{"rw", "cpu", "cpuacct"}) {
		t.Errorf("%+v", mounts)
	}
	if got := below(mounts, "/run/containerd"); !slices.Equal(got, []string{"/run/containerd/a b/c", "/run/containerd/a b"}) {
		t.Errorf("to unmount: %q", got)
	}
	unified, hierarchies := cgroupMounts(mounts)
	if unified != "" || len(hierarchies) != 2 || podHierarchy(hierarchies) != "/sys/fs/cgroup/memory" {
		t.Errorf("cgroups: %q %q", unified, hierarchies)
	}
	unified, hierarchies = cgroupMounts(parseMounts("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw,nsdelegate\n"))
	if unified != "/sys/fs/cgroup" || len(hierarchies) != 0 {
		t.Errorf("unified: %q %q", unified, hierarchies)
	}
}

func TestPodsCgroupGetsProcessorsInEveryHierarchy(t *testing.T) {
	root := t.TempDir()
	cpuset, memory := filepath.Join(root, "cpuset"), filepath.Join(root, "memory")
	put(t, cpuset+"/cpuset.cpus", "0-1\n")
	put(t, cpuset+"/cpuset.mems", "0\n")
	put(t, cpuset+"/kubelet/cpuset.cpus", "\n") // the kernel makes these files with the directory
	put(t, cpuset+"/kubelet/cpuset.mems", "0\n")
	put(t, memory+"/cgroup.procs", "")
	for range 2 {
		if err := prepareHierarchies([]string{cpuset, memory}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(cpuset + "/kubelet/cpuset.cpus"); !strings.HasPrefix(string(got), "0-1") || err != nil {
		t.Errorf("cpus %q %v", got, err)
	}
	if _, err := os.Stat(memory + "/kubelet"); err != nil {
		t.Error(err)
	}
}

func TestMissingControllersAreNamed(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/cgroup.procs", "0\n") // a process from outside
	put(t, root+"/cgroup.controllers", "cpuset cpu io memory\n")
	put(t, root+"/cgroup.subtree_control", "")
	put(t, root+"/kubelet/cgroup.subtree_control", "")
	err := prepareUnified(root)
	if err == nil || !strings.Contains(err.Error(), "was not given: pids") {
		t.Errorf("got %v", err)
	}
	put(t, root+"/cgroup.controllers", "cpuset cpu io memory pids\n")
	if err := prepareUnified(root); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(root + "/init"); err != nil {
		t.Error(err)
	}
}

func TestCapabilityIsRead(t *testing.T) {
	if !canRaise("CapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n") {
		t.Error("a machine with all capabilities has not this one")
	}
	if canRaise("CapEff:\t000001fffeffffff\n") || canRaise("") {
		t.Error("a machine without the capability has it")
	}
}

func TestProcessesOfACgroupAreThoseOfAllBelow(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/cgroup.procs", "")
	put(t, root+"/pod/a/cgroup.procs", "12\n7\n")
	put(t, root+"/pod/b/cgroup.procs", "30\n")
	if got, err := cgroupProcesses(root); err != nil || !slices.Equal(got, []int{12, 7, 30}) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := cgroupProcesses(root + "/none"); err != nil || got != nil {
		t.Errorf("%v %v", got, err)
	}
}

func put(t *testing.T, file, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(content), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
