package cluster

import (
	"os"
	"strconv"
	"strings"
)

// capSysResource is the number of CAP_SYS_RESOURCE in capability sets, see capabilities(7).
const capSysResource = 24

// observeHost reads what kubelets must know of this host's kernel. On a system without these files there are no machines.
func observeHost() hostFacts {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers") // only the root of a v2 hierarchy has it
	return hostFacts{CgroupV1: err != nil, MayRaisePriority: boundingSet()&(1<<capSysResource) != 0}
}

// boundingSet returns the capabilities that programs on this host can have; machines get no others.
func boundingSet() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0 // nothing may be assumed
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err == nil {
				return set
			}
		}
	}
	return 0
}
