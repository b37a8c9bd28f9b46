package engine

import (
	"io/fs"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hostFacts are what a machine's configuration depends on besides the machine.
type hostFacts struct {
	Capabilities capabilities
	// OpenFiles is the highest number of open files that a process may be given.
	OpenFiles uint64
	// Modules, Fuse and Tun say whether the host has /lib/modules, /dev/fuse and /dev/net/tun.
	Modules, Fuse, Tun bool
}

// defaultPath is what a login shell would set.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// renderSpec makes the OCI configuration of a machine: a container that keeps nothing from its root that the host has,
// except other machines. Nothing is masked or read-only, no seccomp profile and no limits apply: the machine's own
// containers get theirs from the runtime inside it.
func renderSpec(r record, p machinePaths, h hostFacts) *specs.Spec {
	caps := h.Capabilities.names()
	return &specs.Spec{
		Version:  specs.Version,
		Hostname: r.Hostname,
		Root:     &specs.Root{Path: p.rootfs()},
		Process: &specs.Process{
			Args: r.Args,
			Env:  append([]string{defaultPath, "container=slipway"}, r.Env...),
			Cwd:  "/",
			// Inheritable and ambient stay empty: the first process is root and gets these anyway, others should not.
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: h.OpenFiles, Soft: h.OpenFiles}},
		},
		Mounts: machineMounts(r, p, h),
		Linux: &specs.Linux{
			CgroupsPath: p.cgroup(),
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.UTSNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.CgroupNamespace}, {Type: specs.NetworkNamespace, Path: p.netns},
			},
			Devices:   machineDevices(h),
			Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}},
		},
	}
}

// machineMounts lists the mounts in the order in which they are made. The directory for /var comes from outside because an
// overlay cannot be the upper layer of another, which the containers inside need.
func machineMounts(r record, p machinePaths, h hostFacts) []specs.Mount {
	mounts := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev"}},
		// runc makes this one cgroup2 mount, or a tmpfs with a mount for each v1 controller, as the host is.
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=755"}},
		{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=1777"}},
		{Destination: "/var", Type: "bind", Source: p.varDir(), Options: []string{"rbind", "rw"}},
	}
	if h.Modules {
		mounts = append(mounts, specs.Mount{Destination: "/lib/modules", Type: "bind", Source: "/lib/modules", Options: []string{"rbind", "ro"}})
	}
	for _, m := range r.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		mounts = append(mounts, specs.Mount{Destination: m.Target, Type: "bind", Source: m.Source, Options: []string{"rbind", mode}})
	}
	return mounts
}

// machineDevices lists the devices beyond those every container gets. The kubelet does not start without the kernel's log.
func machineDevices(h hostFacts) []specs.LinuxDevice {
	device := func(path string, major, minor int64, mode uint32) specs.LinuxDevice {
		m := fs.FileMode(mode)
		return specs.LinuxDevice{Path: path, Type: "c", Major: major, Minor: minor, FileMode: &m}
	}
	devices := []specs.LinuxDevice{device("/dev/kmsg", 1, 11, 0o644)}
	if h.Fuse {
		devices = append(devices, device("/dev/fuse", 10, 229, 0o666))
	}
	if h.Tun {
		devices = append(devices, device("/dev/net/tun", 10, 200, 0o666))
	}
	return slices.Clip(devices)
}
