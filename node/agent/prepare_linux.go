package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slipway-dev/slipway/host"
)

// filesystem is one that a machine must have.
type filesystem struct {
	path, kind string
	flags      uintptr
	options    string
}

var filesystems = []filesystem{
	{"/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
	{"/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
	{"/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	{"/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	{"/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
}

// directories are those that the agent writes into, and those that containerd and the kubelet expect.
var directories = []struct {
	path string
	mode fs.FileMode
}{
	{"/run/slipway", 0o700}, {LogDir, 0o755}, {filepath.Dir(DoneFile), 0o700}, {SeedDir, 0o700},
	{"/etc/containerd", 0o755}, {"/etc/cni/net.d", 0o755}, {"/etc/kubernetes/manifests", 0o755},
	{"/var/lib/kubelet", 0o700}, {"/var/lib/containerd", 0o711},
}

// prepare makes a machine of what the engine gave. It does as much as it can: a machine that lacks something stays up and
// says what it lacks.
func prepare() []error {
	if _, err := os.Stat("/proc/self"); err != nil {
		// Without it the mount table cannot be read.
		if err := filesystems[0].mount(); err != nil {
			return []error{err}
		}
	}
	var problems []error
	for _, step := range []func() error{
		mountMissing, shareMounts, makeDirectories, makeKmsg, makeMachineID, prepareCgroups, setSysctls,
	} {
		if err := step(); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func mountMissing() error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range filesystems {
		if !mounted(mounts, f.path) {
			errs = append(errs, f.mount())
		}
	}
	if cgroup := (filesystem{"/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""}); !anyCgroup(mounts) {
		errs = append(errs, cgroup.mount())
	}
	return errors.Join(errs...)
}

func (f filesystem) mount() error {
	err := os.MkdirAll(f.path, 0o755)
	if err == nil {
		err = unix.Mount(f.kind, f.path, f.kind, f.flags, f.options)
	}
	if err != nil {
		return fmt.Errorf("mounting %s on %q: %w", f.kind, f.path, err)
	}
	return nil
}

// shareMounts lets mounts that a pod makes be seen by the machine and by other pods, where the pod asks for that.
func shareMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making mounts shared: %w", err)
	}
	return nil
}

func makeDirectories() error {
	var errs []error
	for _, dir := range directories {
		errs = append(errs, host.Local{}.MkdirAll(dir.path, dir.mode))
	}
	return errors.Join(errs...)
}

// makeKmsg makes the kernel's log device, which the kubelet watches for out-of-memory kills and does not start without.
func makeKmsg() error {
	const kmsg = "/dev/kmsg"
	_, err := os.Lstat(kmsg)
	if errors.Is(err, fs.ErrNotExist) {
		err = unix.Mknod(kmsg, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 11)))
	}
	if err != nil {
		return fmt.Errorf("making %q, which the kubelet needs: %w", kmsg, err)
	}
	f, err := os.Open(kmsg)
	if err != nil {
		return fmt.Errorf("opening the kernel's log, which the kubelet needs: %w", err)
	}
	return f.Close()
}

// makeMachineID gives the machine an identity of its own if nobody has.
func makeMachineID() error {
	const file = "/etc/machine-id"
	old, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(old))) > 0 {
		return nil
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err == nil {
		err = os.WriteFile(file, []byte(strings.ReplaceAll(string(id), "-", "")), 0o444) // in place: it may be a mount point
	}
	if err != nil {
		return fmt.Errorf("making %q: %w", file, err)
	}
	return nil
}

// sysctls are what pod networks need, where the kernel has it.
var sysctls = []string{
	"net/ipv4/ip_forward",
	"net/bridge/bridge-nf-call-iptables",
	"net/bridge/bridge-nf-call-ip6tables",
}

// setSysctls leaves alone what is as it should be: the tree may be read-only then.
func setSysctls() error {
	var errs []error
	for _, name := range sysctls {
		file := filepath.Join("/proc/sys", name)
		value, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(value)) == "1" {
			continue
		}
		if err == nil {
			err = os.WriteFile(file, []byte("1"), 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("setting the kernel parameter %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// canRaise says whether the machine may lower OOM scores (CAP_SYS_RESOURCE).
func canRaise(status string) bool {
	const capSysResource = 24
	for line := range strings.Lines(status) {
		var caps uint64
		if _, err := fmt.Sscanf(line, "CapEff: %x", &caps); err == nil {
			return caps&(1<<capSysResource) != 0
		}
	}
	return false
}
