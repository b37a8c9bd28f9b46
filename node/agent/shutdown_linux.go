package agent

import (
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

// shutdown takes a machine down in the order in which its parts need each other. Nothing that fails keeps it from going on.
func (a *agent) shutdown(ctx context.Context) {
	began := time.Now()
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"kubelet", a.kubelet.Stop},
		{"pods", a.stopPods},
		{"containerd", a.containerd.Stop},
		{"other processes", a.stopRest},
		{"mounts", func(context.Context) error { return unmount() }},
	} {
		if err := step.run(ctx); err != nil {
			a.log.Error("shutting down", "what", step.name, "error", err)
		}
	}
	a.log.Info("machine is down", "after", time.Since(began).String())
}

// stopPods ends the processes of all pods together: etcd gets its SIGTERM, and nobody waits for another.
func (a *agent) stopPods(ctx context.Context) error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	unified, hierarchies := cgroupMounts(mounts)
	root := unified
	if len(hierarchies) > 0 {
		root = podHierarchy(hierarchies)
	}
	if root == "" {
		return nil
	}
	return stopAll(ctx, a.options.StopTimeout, func() ([]int, error) { return cgroupProcesses(filepath.Join(root, kubeletCgroup)) })
}

// podHierarchy picks a hierarchy in which every container has a cgroup of its own.
func podHierarchy(dirs []string) string {
	if i := slices.IndexFunc(dirs, func(dir string) bool { return filepath.Base(dir) == "memory" }); i >= 0 {
		return dirs[i]
	}
	return dirs[0]
}

// restTimeout is for shims without containers, and for shells, which do not listen to SIGTERM anyway.
const restTimeout = time.Second

// stopRest ends what is left, shims above all. Only the first process of a machine may do that.
func (a *agent) stopRest(ctx context.Context) error {
	if os.Getpid() != 1 {
		return nil
	}
	return stopAll(ctx, restTimeout, otherProcesses)
}

// stopAll asks processes to end, and kills those that are there when the time is up. They are not all children, so it looks
// whether they are gone.
func stopAll(ctx context.Context, timeout time.Duration, list func() ([]int, error)) error {
	pids, err := list()
	if err != nil || len(pids) == 0 {
		return err
	}
	signalAll(pids, unix.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	killed := false
	for {
		if pids, err = list(); err != nil || len(pids) == 0 {
			return err
		}
		select {
		case <-look.C:
			continue
		case <-ctx.Done():
		}
		if killed {
			return fmt.Errorf("%d processes are still there after being killed", len(pids))
		}
		signalAll(pids, unix.SIGKILL)
		killed = true
		var again context.CancelFunc
		ctx, again = context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer again()
	}
}

// signalAll signals processes, of which some may be gone by now.
func signalAll(pids []int, sig unix.Signal) {
	for _, pid := range pids {
		_ = unix.Kill(pid, sig) // list shows who is left
	}
}

// cgroupProcesses lists the processes of a cgroup and all below it; one that does not exist has none.
func cgroupProcesses(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return ignore(err, fs.ErrNotExist)
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil // removed meanwhile, or holds threads
		}
		pids = append(pids, numbers(strings.Fields(string(data)))...)
		return ignore(err, fs.ErrNotExist)
	})
	return pids, err
}

// otherProcesses lists all processes of the machine but this one. The kernel's are not seen in a container, and have no
// command line elsewhere.
func otherProcesses() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	alive := func(pid int) bool {
		line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		return err == nil && len(line) > 0 && pid != os.Getpid() // the dead have none either
	}
	return slices.DeleteFunc(numbers(names), func(pid int) bool { return !alive(pid) }), nil
}

func numbers(words []string) []int {
	var out []int
	for _, word := range words {
		if n, err := strconv.Atoi(word); err == nil && n > 0 {
			out = append(out, n)
		}
	}
	return out
}

// unmount takes off what pods and containers left mounted, and sees that what was written is on disk.
func unmount() error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range below(mounts, "/run/containerd", "/run/netns", "/var/lib/kubelet", "/var/lib/containerd") {
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			errs = append(errs, fmt.Errorf("unmounting %q: %w", path, err))
		}
	}
	return errors.Join(append(errs, syncVar())...)
}

// syncVar flushes the file system that holds what a machine must not lose, and no other machine's.
func syncVar() error {
	f, err := os.Open("/var/lib")
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
