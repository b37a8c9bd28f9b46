package preflight

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// What the kubelet and the runtime need of the kernel. oldestKernel is what upstream tests begin with.
const oldestKernel = "5.4"

func needsControllersV1() []string {
	return []string{"cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"}
}

// needsControllersV2 lacks devices and freezer: in version 2 they are always there and never listed.
func needsControllersV2() []string { return []string{"cpu", "cpuset", "memory", "pids"} }

func needsFeatures() []string {
	return []string{
		"NAMESPACES", "NET_NS", "PID_NS", "IPC_NS", "UTS_NS", "CGROUPS", "CGROUP_PIDS", "CGROUP_SCHED", "FAIR_GROUP_SCHED", "CPUSETS",
		"MEMCG", "INET", "PROC_FS",
	}
}

// featureV2 bounds a container's access to devices in version 2 of control groups, where no controller does that.
const featureV2 = "CGROUP_BPF"

// system checks kernel and control groups.
func (m Machine) system() Check {
	return Check{"SystemVerification", func(_ context.Context, f *Findings) {
		m.kernel(f)
		m.controlGroups(f)
	}}
}

func (m Machine) kernel(f *Findings) {
	release := strings.TrimSpace(m.text("/proc/sys/kernel/osrelease"))
	v, err := version.ParseGeneric(release)
	if err != nil {
		f.Fail("this is no Linux machine: the kernel's version cannot be read")
		return
	}
	if v.LessThan(version.MustParseGeneric(oldestKernel)) {
		f.Fail("kernel %s is older than %s", release, oldestKernel)
	}
	options := m.kernelOptions(release)
	if options == "" {
		return // many kernels do not tell, and the components find out soon
	}
	needed := needsFeatures()
	if m.unifiedControlGroups() {
		needed = append(needed, featureV2)
	}
	for _, name := range needed {
		if !strings.Contains(options, "CONFIG_"+name+"=") {
			f.Fail("the kernel lacks the feature CONFIG_%s", name)
		}
	}
}

// kernelOptions returns how the kernel was built, or "" when it does not tell.
func (m Machine) kernelOptions(release string) string {
	if data, err := m.Host.ReadFile("/proc/config.gz"); err == nil {
		if r, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
			if text, err := io.ReadAll(r); err == nil {
				return string(text)
			}
		}
	}
	return m.text("/boot/config-" + release)
}

const controllersV2 = "/sys/fs/cgroup/cgroup.controllers"

// unifiedControlGroups reports whether the machine has version 2 of control groups only.
func (m Machine) unifiedControlGroups() bool {
	_, err := m.Host.Stat(controllersV2)
	return err == nil
}

func (m Machine) controlGroups(f *Findings) {
	if m.unifiedControlGroups() {
		missing(f, needsControllersV2(), strings.Fields(m.text(controllersV2)))
		return
	}
	var enabled []string
	for line := range strings.Lines(m.text("/proc/cgroups")) {
		if fields := strings.Fields(line); len(fields) == 4 && fields[3] == "1" {
			enabled = append(enabled, fields[0])
		}
	}
	if len(enabled) == 0 {
		f.Fail("the kernel offers no control groups: mount them at /sys/fs/cgroup")
		return
	}
	missing(f, needsControllersV1(), enabled)
	if fail := m.Config.Kubelet.FailCgroupV1; fail != nil && !*fail {
		f.Warn("the machine has version 1 of control groups, whose support upstream is ending: boot with systemd.unified_cgroup_hierarchy=1")
		return
	}
	f.Fail("the machine has version 1 of control groups, with which the kubelet will not start: boot with systemd.unified_cgroup_hierarchy=1, or set failCgroupV1: false in the KubeletConfiguration")
}

func missing(f *Findings, needed, there []string) {
	for _, name := range needed {
		if !slices.Contains(there, name) {
			f.Fail("the control group controller %q is missing: enable it in the kernel's command line or in the parent group", name)
		}
	}
}

func (m Machine) text(file string) string {
	data, err := m.Host.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(data)
}
