package preflight

import (
	"bufio"
	"bytes"
	"context"
	"strconv"
	"strings"
)

// privileged asks the kernel who we are.
func (m Machine) privileged() Check {
	return Check{"IsPrivilegedUser", func(_ context.Context, f *Findings) {
		uids := strings.Fields(m.value("/proc/self/status", "Uid"))
		if len(uids) > 1 && uids[1] != "0" {
			f.Fail("not running as root: run it with sudo")
		}
	}}
}

// cpus counts the processors that this process may use.
func (m Machine) cpus() Check {
	return Check{"NumCPU", func(_ context.Context, f *Findings) {
		list := m.value("/proc/self/status", "Cpus_allowed_list")
		if n := countList(list); list != "" && n < minCPUs {
			f.Fail("%d CPU, a control plane needs %d", n, minCPUs)
		}
	}}
}

func (m Machine) memory() Check {
	return Check{"Mem", func(_ context.Context, f *Findings) {
		text, _, _ := strings.Cut(m.value("/proc/meminfo", "MemTotal"), " ")
		if kb, err := strconv.ParseUint(text, 10, 64); err == nil && kb/1024 < minMemoryMB {
			f.Fail("%d MB of memory, a control plane needs %d MB", kb/1024, minMemoryMB)
		}
	}}
}

// swap warns only: since v1.34 whether swap is an obstacle is the kubelet's own setting.
func (m Machine) swap() Check {
	return Check{"Swap", func(_ context.Context, f *Findings) {
		data, err := m.Host.ReadFile("/proc/swaps")
		if err != nil || bytes.Count(bytes.TrimSpace(data), []byte("\n")) == 0 {
			return
		}
		if fail := m.Config.Kubelet.FailSwapOn; fail == nil || *fail {
			f.Warn("swap is on, and the kubelet will not start with it unless its failSwapOn is false: run swapoff -a, or set it")
		}
	}}
}

// value returns what a file of "name: value" lines says about name, or "".
func (m Machine) value(file, name string) string {
	data, err := m.Host.ReadFile(file)
	if err != nil {
		return ""
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// countList counts the members of a list such as "0-3,8".
func countList(list string) int {
	n := 0
	for _, part := range strings.Split(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err1 := strconv.Atoi(from)
		if !isRange {
			to = from
		}
		last, err2 := strconv.Atoi(to)
		if err1 == nil && err2 == nil && last >= first {
			n += last - first + 1
		}
	}
	return n
}
