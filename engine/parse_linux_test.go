package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const mountinfo = `24 1 0:6 / /dev rw - devtmpfs devtmpfs rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
50 1 0:40 / /run/a/machines/m/rootfs rw - overlay slipway-a rw
51 50 0:41 / /run/a/machines/m/rootfs/with\040space rw - tmpfs tmpfs rw
52 1 0:42 / /run/ab rw - tmpfs tmpfs rw
`

func TestHierarchiesOfBothVersionsAreFound(t *testing.T) {
	want := []hierarchy{{"/sys/fs/cgroup/memory", false}, {"/sys/fs/cgroup/systemd", true}, {"/sys/fs/cgroup/unified", true}}
	if got := hierarchies([]byte(mountinfo)); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestABindMountOfASubtreeIsNoHierarchy(t *testing.T) {
	const twice = `60 1 0:38 /system.slice/x /srv/x/cgroup rw - cgroup2 cgroup2 rw
61 1 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
62 1 0:38 / /mnt/again rw - cgroup2 cgroup2 rw
`
	want := []hierarchy{{"/sys/fs/cgroup", true}}
	if got := hierarchies([]byte(twice)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	const contained = "60 1 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n" // all there is, without a cgroup namespace
	if got := hierarchies([]byte(contained)); !slices.Equal(got, want) {
		t.Errorf("in a container: %v, want %v", got, want)
	}
}

func TestMountsBelowDoesNotTakeNeighbours(t *testing.T) {
	want := []string{"/run/a/machines/m/rootfs", "/run/a/machines/m/rootfs/with space"}
	if got := mountsBelow([]byte(mountinfo), "/run/a/"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestOverlayOptionsEscapeWhatTheKernelWouldSplit(t *testing.T) {
	got := overlayOptions([]string{"/a:b", "/c,d"}, "/u,p", `/w\k`)
	if want := `lowerdir=/a\:b:/c\,d,upperdir=/u\,p,workdir=/w\\k`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheFirstProcessIsKnownByItsNamespaceAndCgroup(t *testing.T) {
	status := func(name, state, nspid string) []byte {
		return []byte("Name:\t" + name + "\nState:\t" + state + "\nNSpid:\t" + nspid + "\n")
	}
	for _, tt := range []struct {
		name            string
		status          []byte
		first, becoming bool
	}{
		{name: "a machine's", status: status("slipway", "S (sleeping)", "4711\t1"), first: true},
		{name: "nested twice", status: status("slipway", "S (sleeping)", "4711\t17\t1"), first: true},
		{name: "the host's own", status: status("init", "S (sleeping)", "1")},
		{name: "another in the machine", status: status("kubelet", "S (sleeping)", "4712\t9")},
		{name: "a dead one", status: status("slipway", "Z (zombie)", "4711\t1")},
		{name: "runc about to become it", status: status("runc:[2:INIT]", "S (sleeping)", "4711\t1"), first: true, becoming: true},
		{name: "nothing", status: nil},
	} {
		if first, becoming := isFirst(tt.status); first != tt.first || becoming != tt.becoming {
			t.Errorf("%s: %v %v", tt.name, first, becoming)
		}
	}
	cgroups := []byte("4:memory:/slipway/dev/m1/init\n1:cpu:/\n0::/\n")
	if !inCgroup(cgroups, "/slipway/dev/m1") || inCgroup(cgroups, "/slipway/dev/m") || inCgroup(cgroups, "/slipway/dev/m1/init/x") {
		t.Error("the cgroup is not told apart from its neighbours")
	}
}

func TestControllersAreHandedDownToTheMachine(t *testing.T) {
	root := t.TempDir()
	cgroup := "/slipway/dev/m1"
	for _, dir := range []string{"", "slipway", "slipway/dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string]string{"cgroup.controllers": "cpu memory rdma pids\n", "cgroup.subtree_control": "memory pids\n"} {
			if err := os.WriteFile(filepath.Join(root, dir, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := enableControllers(root, cgroup); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", "slipway", "slipway/dev"} {
		// A plain file keeps the last write: the one controller that was wanted and missing.
		got, err := os.ReadFile(filepath.Join(root, dir, "cgroup.subtree_control"))
		if err != nil || !strings.HasPrefix(string(got), "+cpu") {
			t.Errorf("%q has %q, %v", dir, got, err)
		}
	}
	if exists(filepath.Join(root, cgroup)) {
		t.Error("the machine's own cgroup is for runc to make")
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add([]byte(mountinfo))
	f.Add([]byte(`1 2 3 / /a\0 - cgroup2`))
	f.Fuzz(func(t *testing.T, data []byte) {
		hierarchies(data)
		mountsBelow(data, "/")
	})
}
