package engine

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

	"github.com/slipway-dev/slipway/engine/network"
	"golang.org/x/sys/unix"
)

// Check looks at everything on this host that machines need. needDisk is the number of bytes that must be free under Home, 0
// if it does not matter. What the kernel can do is found out by doing it, in namespaces that vanish afterwards: modules that
// are loaded on first use are found like those that are built in.
func (e *Engine) Check(ctx context.Context, needDisk uint64) []Finding {
	root := checkRoot()
	findings := []Finding{root, checkControllers(), e.checkDisk(needDisk)}
	if root.OK {
		findings = append(findings, checkCapabilities(), checkNamespaces(), e.checkOverlay())
		findings = append(findings, checkNetwork(ctx)...)
	}
	return append(findings, checkInotify(), checkBridgeFilter(), checkFirewall())
}

func checkRoot() Finding {
	if uid := os.Geteuid(); uid != 0 {
		return Finding{
			Name: "root", What: fmt.Sprintf("running as user %d", uid),
			Why:  "machines are containers with namespaces, mounts and links of their own, which only root can make",
			Hint: "run the command as root, for example with sudo",
		}
	}
	return Finding{Name: "root", OK: true, What: "running as root"}
}

func checkControllers() Finding {
	have, kind, err := controllers()
	if err != nil {
		return Finding{
			Name: "cgroups", What: err.Error(), Why: "machines and the pods in them are bounded and counted by cgroups",
			Hint: "mount cgroup2 at " + cgroupMount,
		}
	}
	var missing []string
	for _, c := range neededControllers {
		if !slices.Contains(have, c) {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return Finding{
			Name: "cgroups", What: fmt.Sprintf("%s without the controllers %s", kind, strings.Join(missing, ", ")),
			Why:  "the kubelet does not start without them",
			Hint: "enable them in the kernel's command line (cgroup_enable=memory), or mount their hierarchies under " + cgroupMount,
		}
	}
	return Finding{Name: "cgroups", OK: true, What: kind + " with " + strings.Join(neededControllers, ", ")}
}

// controllers lists the cgroup controllers that machines can get.
func controllers() (names []string, kind string, err error) {
	if unified() {
		data, err := os.ReadFile(filepath.Join(cgroupMount, "cgroup.controllers"))
		if err != nil {
			return nil, "", fmt.Errorf("reading cgroup controllers: %w", err)
		}
		return strings.Fields(string(data)), "cgroup v2", nil
	}
	roots, err := hostHierarchies()
	if err != nil {
		return nil, "", err
	}
	if len(roots) == 0 {
		return nil, "", errors.New("no cgroup hierarchy is mounted")
	}
	for _, root := range roots {
		// Controllers that are mounted together have a directory like "cpu,cpuacct".
		names = append(names, strings.Split(filepath.Base(root.point), ",")...)
	}
	return names, "cgroup v1", nil
}

func (e *Engine) checkDisk(need uint64) Finding {
	dir := existingParent(e.home())
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Finding{Name: "disk", What: fmt.Sprintf("looking at the file system of %s: %v", dir, err), Why: "images and machines are kept there"}
	}
	free := st.Bavail * uint64(st.Bsize)
	f := Finding{Name: "disk", OK: free >= need, What: fmt.Sprintf("%s free in %s", gibibytes(free), e.home())}
	if !f.OK {
		f.What += ", " + gibibytes(need) + " needed"
		f.Why = "the release, the image and the machines are kept there"
		f.Hint = "make room, or keep Slipway's files on another file system"
	}
	return f
}

func gibibytes(n uint64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// existingParent is the path or the nearest directory above it that exists.
func existingParent(path string) string {
	for !exists(path) && path != "/" {
		path = filepath.Dir(path)
	}
	return path
}

// neededCapabilities are those without which no node can work.
var neededCapabilities = []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_PTRACE"}

func checkCapabilities() Finding {
	facts, err := lookAtHost()
	if err != nil {
		return Finding{Name: "capabilities", What: err.Error(), Why: "machines get the capabilities of this process"}
	}
	have := facts.Capabilities.names()
	var missing, absent []string
	for _, name := range capabilityNames {
		if !slices.Contains(have, name) {
			absent = append(absent, name)
			if slices.Contains(neededCapabilities, name) {
				missing = append(missing, name)
			}
		}
	}
	switch {
	case len(missing) > 0:
		return Finding{
			Name: "capabilities", What: "root lacks " + strings.Join(missing, ", "), Why: "a machine cannot be a node without them",
			Hint: "if this host is itself a container, run it privileged",
		}
	case len(absent) > 0:
		return Finding{Name: "capabilities", OK: true, What: "all that are needed (without " + strings.Join(absent, ", ") + ")"}
	}
	return Finding{Name: "capabilities", OK: true, What: "all"}
}

func checkNamespaces() Finding {
	var missing []string
	for _, ns := range []string{"mnt", "net", "pid", "uts", "ipc", "cgroup"} {
		if !exists("/proc/self/ns/" + ns) {
			missing = append(missing, ns)
		}
	}
	if len(missing) > 0 {
		return Finding{
			Name: "namespaces", What: "the kernel has no namespaces for " + strings.Join(missing, ", "),
			Why: "a machine is made of them", Hint: "use a kernel with CONFIG_NAMESPACES and what belongs to it",
		}
	}
	return Finding{Name: "namespaces", OK: true, What: "mnt, net, pid, uts, ipc, cgroup"}
}

// checkOverlay mounts an overlay on the file system that machines are to live on.
func (e *Engine) checkOverlay() Finding {
	if err := tryOverlay(existingParent(e.home())); err != nil {
		return Finding{
			Name: "overlayfs", What: err.Error(), Why: "a machine's root is an overlay on its image",
			Hint: "load the kernel module overlay, and keep Slipway's files on a file system that can carry an overlay, such as ext4, xfs or btrfs",
		}
	}
	return Finding{Name: "overlayfs", OK: true, What: "works on the file system of " + e.home()}
}

func tryOverlay(parent string) (err error) {
	dir, err := os.MkdirTemp(parent, ".slipway-check-")
	if err != nil {
		return fmt.Errorf("making a directory to try an overlay in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, sub := range []string{"lower", "upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("making a directory to try an overlay in: %w", err)
		}
	}
	options := overlayOptions([]string{filepath.Join(dir, "lower")}, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
	root := filepath.Join(dir, "root")
	if err := unix.Mount("slipway-check", root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting an overlay: %w", err)
	}
	written := os.WriteFile(filepath.Join(root, "file"), nil, 0o600)
	if err := errors.Join(written, unix.Unmount(root, unix.MNT_DETACH)); err != nil {
		return fmt.Errorf("using an overlay: %w", err)
	}
	return nil
}

// checkNetwork tries each network feature in a namespace that vanishes with its thread.
func checkNetwork(ctx context.Context) []Finding {
	results, err := network.Try(ctx)
	if err != nil {
		return []Finding{{
			Name: "network namespaces", What: err.Error(), Why: "every cluster has a network of its own",
			Hint: "use a kernel with CONFIG_NET_NS",
		}}
	}
	var findings []Finding
	for _, r := range results {
		f := Finding{Name: r.Feature, OK: r.Err == nil, What: "works"}
		if r.Err != nil {
			f.What, f.Why = r.Err.Error(), "the clusters' network is built with it"
			f.Hint = "load the kernel module " + r.Module + ", or use a kernel that has it"
		}
		findings = append(findings, f)
	}
	return findings
}

// A machine's kubelet, containerd and log followers each take some watches, and the keeper one instance for each cluster.
const (
	enoughInotifyInstances = 512
	enoughInotifyWatches   = 65536
)

func checkInotify() Finding {
	f := Finding{Name: "inotify", OK: true, Warning: true, What: "limits are high enough"}
	var low, settings []string
	for key, enough := range map[string]int{"max_user_instances": enoughInotifyInstances, "max_user_watches": enoughInotifyWatches} {
		data, err := os.ReadFile("/proc/sys/fs/inotify/" + key)
		if err != nil {
			continue // a kernel without inotify says so when the keeper starts
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && n < enough {
			low = append(low, fmt.Sprintf("fs.inotify.%s is %d", key, n))
			settings = append(settings, fmt.Sprintf("sysctl -w fs.inotify.%s=%d", key, enough))
		}
	}
	if len(low) > 0 {
		slices.Sort(low)
		slices.Sort(settings)
		f.OK, f.What = false, strings.Join(low, ", ")
		f.Why = "with several machines, kubelets and pods may fail with \"too many open files\""
		f.Hint = strings.Join(settings, "; ")
	}
	return f
}

func checkBridgeFilter() Finding {
	if exists("/proc/sys/net/bridge/bridge-nf-call-iptables") {
		return Finding{Name: "br_netfilter", OK: true, Warning: true, What: "available"}
	}
	return Finding{
		Name: "br_netfilter", Warning: true, What: "the module is not loaded",
		Why:  "pods on the same node that reach each other through a Service need it with some network addons",
		Hint: "modprobe br_netfilter",
	}
}

func checkFirewall() Finding {
	f := Finding{Name: "firewall", OK: true, Warning: true, What: "lets forwarded packets pass"}
	drops, err := network.ForwardDrops()
	if err != nil {
		f.OK, f.What = false, err.Error()
		f.Why = "a firewall that drops forwarded packets keeps machines from reaching the outside"
		return f
	}
	// An old-style table is invisible to nftables; that it is in use is all that can be seen.
	legacy, err := os.ReadFile("/proc/net/ip_tables_names")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		legacy = nil // readable by root only, who has been asked for above
	}
	outside := slices.DeleteFunc(drops, func(name string) bool { return name == "filter/FORWARD" }) // opened by EnsureNetwork
	switch {
	case len(outside) > 0:
		f.OK, f.What = false, "the chains "+strings.Join(outside, ", ")+" drop forwarded packets by policy"
	case slices.Contains(strings.Fields(string(legacy)), "filter"):
		f.OK, f.What = false, "legacy iptables is in use"
	default:
		return f
	}
	f.Why = "machines may not reach the outside"
	f.Hint = "let packets from and to the links slip* through, for example: iptables -I FORWARD -i slip+ -j ACCEPT; iptables -I FORWARD -o slip+ -j ACCEPT"
	return f
}
