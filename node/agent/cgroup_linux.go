package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// agentCgroup is the leaf that the machine's own processes live in where cgroups are unified.
const agentCgroup = "init"

// neededControllers are those without which a kubelet does not start.
var neededControllers = []string{"cpu", "cpuset", "memory", "pids"}

func anyCgroup(mounts []mountpoint) bool {
	return slices.ContainsFunc(mounts, func(m mountpoint) bool { return m.Type == "cgroup" || m.Type == "cgroup2" })
}

// prepareCgroups makes the cgroup that all pods live in.
func prepareCgroups() error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	unified, hierarchies := cgroupMounts(mounts)
	switch {
	case len(hierarchies) > 0:
		return prepareHierarchies(hierarchies)
	case unified != "":
		return prepareUnified(unified)
	}
	return errors.New("there are no cgroups: neither /sys/fs/cgroup nor hierarchies below it are mounted")
}

// cgroupMounts tells which kind of cgroups the machine has: version 1 hierarchies, if there are any, are what the kubelet
// uses, whatever else is mounted beside them.
func cgroupMounts(mounts []mountpoint) (unified string, hierarchies []string) {
	for _, m := range mounts {
		switch {
		case m.Type == "cgroup" && strings.HasPrefix(m.Path, "/sys/fs/cgroup/"):
			hierarchies = append(hierarchies, m.Path)
		case m.Type == "cgroup2" && m.Path == "/sys/fs/cgroup":
			unified = m.Path
		}
	}
	return unified, hierarchies
}

// prepareHierarchies makes the pods' cgroup in each version 1 hierarchy.
func prepareHierarchies(dirs []string) error {
	var errs []error
	for _, dir := range dirs {
		if err := prepareHierarchy(dir); err != nil {
			errs = append(errs, fmt.Errorf("preparing the cgroup hierarchy %q: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

// prepareHierarchy makes the cgroup, and copies what a child does not inherit: no process can enter a cpuset without processors
// and memory nodes.
func prepareHierarchy(dir string) error {
	pods := filepath.Join(dir, kubeletCgroup)
	if err := os.Mkdir(pods, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if err := inherit(filepath.Join(dir, file), filepath.Join(pods, file)); err != nil {
			return err
		}
	}
	return nil
}

// inherit copies a parent's value into a child's file that is there and empty.
func inherit(from, to string) error {
	have, err := os.ReadFile(to)
	if errors.Is(err, fs.ErrNotExist) || len(bytes.TrimSpace(have)) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	value, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeCgroup(to, string(bytes.TrimSpace(value)))
}

// prepareUnified makes the pods' cgroup where there is one hierarchy. A cgroup that hands out controllers can have no processes
// of its own there, save the system's root (cgroup-v2.rst, "No Internal Process Constraint"), so those of the machine move into
// a leaf first. Processes that come into the machine later, through runc, are led to the leaf by runc itself.
func prepareUnified(root string) error {
	leaf, pods := filepath.Join(root, agentCgroup), filepath.Join(root, kubeletCgroup)
	for _, dir := range []string{leaf, pods} {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making a cgroup: %w", err)
		}
	}
	if err := moveProcesses(root, leaf); err != nil {
		return err
	}
	available, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("reading which cgroup controllers there are: %w", err)
	}
	controllers := strings.Fields(string(available))
	return errors.Join(
		missingControllers(controllers),
		enableControllers(root, controllers),
		enableControllers(pods, controllers),
	)
}

// missingControllers names those that the kubelet does not start without.
func missingControllers(available []string) error {
	var missing []string
	for _, name := range neededControllers {
		if !slices.Contains(available, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the kubelet needs cgroup controllers that the machine was not given: %s", strings.Join(missing, ", "))
}

// moveProcesses empties a cgroup. What forks meanwhile leaves children behind, so it looks again, a bounded number of times;
// kernel threads cannot be moved and stay.
func moveProcesses(from, to string) error {
	const tries = 10
	var last error
	for range tries {
		data, err := os.ReadFile(filepath.Join(from, "cgroup.procs"))
		if err != nil {
			return fmt.Errorf("listing the processes of a cgroup: %w", err)
		}
		// The number 0 is a process that is not of this machine, and to write it would mean the writer.
		pids := slices.DeleteFunc(strings.Fields(string(data)), func(pid string) bool { return pid == "0" })
		if len(pids) == 0 {
			return nil
		}
		last = nil
		for _, pid := range pids {
			err := writeCgroup(filepath.Join(to, "cgroup.procs"), pid)
			if err != nil && !errors.Is(err, unix.ESRCH) { // it ended meanwhile
				last = fmt.Errorf("moving process %s into the cgroup %q: %w", pid, to, err)
			}
		}
	}
	return last
}

// enableControllers hands controllers to the children of a cgroup, each for itself: one that cannot be had does not take the
// others with it. Only those that the kubelet cannot do without are an error.
func enableControllers(dir string, controllers []string) error {
	var errs []error
	for _, name := range controllers {
		err := writeCgroup(filepath.Join(dir, "cgroup.subtree_control"), "+"+name)
		if err != nil && slices.Contains(neededControllers, name) {
			errs = append(errs, fmt.Errorf("handing the cgroup controller %q to the children of %q: %w", name, dir, err))
		}
	}
	return errors.Join(errs...)
}

// writeCgroup writes one value; the kernel's files take neither creation nor truncation.
func writeCgroup(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
