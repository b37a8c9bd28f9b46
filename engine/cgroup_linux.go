package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupMount is where all hierarchies are mounted below.
const cgroupMount = "/sys/fs/cgroup"

// hierarchy is one mounted cgroup hierarchy.
type hierarchy struct {
	point string
	// sessions says whether service managers follow processes in it: the v2 hierarchy, or v1's that is called systemd.
	sessions bool
}

// hierarchies lists all cgroup hierarchies, v1 and v2, from the content of /proc/self/mountinfo. Of several mounts of one, which
// share a device number, the one that shows its root counts: a bind mount of a subtree is no place for machines.
func hierarchies(mountinfo []byte) []hierarchy {
	var all []hierarchy
	place, rooted := map[string]int{}, map[string]bool{} // by device number
	for line := range bytes.Lines(mountinfo) {
		before, after, ok := strings.Cut(string(line), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 || (kind[0] != "cgroup" && kind[0] != "cgroup2") {
			continue
		}
		sessions := kind[0] == "cgroup2" || slices.Contains(strings.Split(kind[2], ","), "name=systemd")
		h := hierarchy{point: unescapeMount(fields[4]), sessions: sessions}
		device, root := fields[2], fields[3]
		if i, known := place[device]; !known {
			place[device] = len(all)
			all = append(all, h)
		} else if root == "/" && !rooted[device] {
			all[i] = h
		}
		rooted[device] = rooted[device] || root == "/"
	}
	return all
}

func hostHierarchies() ([]hierarchy, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing cgroup hierarchies: %w", err)
	}
	return hierarchies(data), nil
}

// daemonCgroup is the place of a cluster's keeper and gateway. No machine can have this name.
func daemonCgroup(cluster string) string { return clusterCgroup(cluster) + "/_daemons" }

// leaveSession takes the calling process out of the login session or service in which it was started: service managers end
// everything in there when the session or service ends, whatever it has done to be independent.
func leaveSession(cluster string) error {
	all, err := hostHierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		if !h.sessions {
			continue
		}
		dir := filepath.Join(h.point, daemonCgroup(cluster))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making cgroup %q: %w", dir, err)
		}
		// 0 is the process that writes.
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("moving to cgroup %q: %w", dir, err)
		}
	}
	return nil
}

// unified reports whether the host has cgroup v2 only.
func unified() bool {
	var st unix.Statfs_t
	return unix.Statfs(cgroupMount, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// neededControllers are what the kubelet refuses to run without; welcomeControllers are used where they are.
var (
	neededControllers  = []string{"cpu", "cpuset", "memory", "pids"}
	welcomeControllers = []string{"io", "hugetlb"}
)

// enableControllers makes the parents of the cgroup in the v2 hierarchy at root and hands the controllers down to it. The
// parents hold no processes, as the rule against processes in inner cgroups wants (the root is exempt from it). Controllers
// that the kernel does not have are left out.
func enableControllers(root, cgroup string) error {
	dir := root
	for _, part := range append([]string{""}, strings.Split(strings.Trim(filepath.Dir(cgroup), "/"), "/")...) {
		dir = filepath.Join(dir, part)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making cgroup %q: %w", dir, err)
		}
		if err := handDown(dir); err != nil {
			return err
		}
	}
	return nil
}

// handDown gives the children of a cgroup the controllers that it has itself.
func handDown(dir string) error {
	available, err1 := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	control := filepath.Join(dir, "cgroup.subtree_control")
	enabled, err2 := os.ReadFile(control)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("reading the controllers of cgroup %q: %w", dir, err)
	}
	for _, c := range strings.Fields(string(available)) {
		needed := slices.Contains(neededControllers, c)
		if (!needed && !slices.Contains(welcomeControllers, c)) || slices.Contains(strings.Fields(string(enabled)), c) {
			continue
		}
		err := os.WriteFile(control, []byte("+"+c), 0o644)
		switch {
		case err == nil || !needed:
		case errors.Is(err, unix.EBUSY):
			return fmt.Errorf("enabling the %s controller in cgroup %q: processes are in it (if this host is itself a container, "+
				"they must be moved to a cgroup below): %w", c, dir, err)
		default:
			return fmt.Errorf("enabling the %s controller in cgroup %q: %w", c, dir, err)
		}
	}
	return nil
}

// clearCgroup kills everything in the cgroup and below, and removes it, in every hierarchy. It is safe to repeat.
func clearCgroup(ctx context.Context, cgroup string) error {
	roots, err := hostHierarchies()
	if err != nil {
		return err
	}
	var dirs []string
	for _, root := range roots {
		if dir := filepath.Join(root.point, cgroup); exists(dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	if err := killAll(ctx, dirs); err != nil {
		return fmt.Errorf("ending the processes in cgroup %q: %w", cgroup, err)
	}
	for _, dir := range dirs {
		if err := removeCgroup(ctx, dir); err != nil {
			return fmt.Errorf("removing cgroup %q: %w", dir, err)
		}
	}
	return nil
}

// killAll ends all processes in the trees. cgroup.kill takes a whole v2 tree at once; a v1 tree is frozen first so that nothing can
// fork away, and killed process by process. A v2 tree before Linux 5.14 has neither: there it goes on until nothing is left.
func killAll(ctx context.Context, dirs []string) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		var pids []int
		for _, dir := range dirs {
			in, err := processesIn(dir)
			if err != nil {
				return err
			}
			pids = append(pids, in...)
		}
		if len(pids) == 0 {
			return nil
		}
		poke(dirs, "cgroup.kill", "1")
		poke(dirs, "freezer.state", "FROZEN")
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("killing process %d: %w", pid, err)
			}
		}
		if err := thaw(dirs); err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// thaw lets frozen processes run to their end, also those that something inside had frozen on its own, such as a paused
// container: in v1 a signal, even this one, has no effect before.
func thaw(dirs []string) error {
	for _, dir := range dirs {
		err := walkCgroup(dir, func(d string) error {
			poke([]string{d}, "freezer.state", "THAWED")
			poke([]string{d}, "cgroup.freeze", "0")
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// poke writes to a control file wherever it exists. The result is judged by what happens to the processes, so errors (a
// cgroup that has just gone) say nothing.
func poke(dirs []string, file, value string) {
	for _, dir := range dirs {
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		_, _ = f.WriteString(value)
		f.Close()
	}
}

func processesIn(dir string) ([]int, error) {
	var pids []int
	err := walkCgroup(dir, func(d string) error {
		data, err := os.ReadFile(filepath.Join(d, "cgroup.procs"))
		if errors.Is(err, unix.EOPNOTSUPP) { // a threaded cgroup; its processes are listed above it
			return nil
		}
		if err != nil {
			return err
		}
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

// walkCgroup visits the cgroup and those below, parents first. Cgroups that disappear meanwhile are passed over.
func walkCgroup(dir string, visit func(dir string) error) error {
	gone := func(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }
	if err := visit(dir); err != nil && !gone(err) {
		return err
	}
	children, err := subdirectories(dir)
	if err != nil && !gone(err) {
		return err
	}
	for _, c := range children {
		if err := walkCgroup(filepath.Join(dir, c), visit); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroup removes the tree bottom up. The kernel answers busy for a moment after the last process has ended.
func removeCgroup(ctx context.Context, dir string) error {
	var dirs []string
	if err := walkCgroup(dir, func(d string) error { dirs = append(dirs, d); return nil }); err != nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, d := range slices.Backward(dirs) {
		for {
			err := unix.Rmdir(d)
			if err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			if !errors.Is(err, unix.EBUSY) {
				return err
			}
			if sleep(patient, 5*time.Millisecond) != nil {
				return err
			}
		}
	}
	return nil
}

// removeCgroupRoot removes the cgroup above all clusters when it is empty. The lock keeps a machine that starts meanwhile
// from losing its parent between two steps; it is on a directory of the kernel so that nothing is left behind.
func removeCgroupRoot(ctx context.Context) error {
	unlock, err := lockCgroups(ctx, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	roots, err := hostHierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		err := unix.Rmdir(filepath.Join(root.point, cgroupRoot))
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENOTEMPTY) {
			return fmt.Errorf("removing cgroup %q: %w", filepath.Join(root.point, cgroupRoot), err)
		}
	}
	return nil
}

func lockCgroups(ctx context.Context, how int) (unlock func(), err error) {
	f, err := os.Open(cgroupMount)
	if err != nil {
		return nil, fmt.Errorf("locking cgroups: %w", err)
	}
	if err := flock(ctx, f, how); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
