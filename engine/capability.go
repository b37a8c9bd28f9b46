package engine

import (
	"bytes"
	"fmt"
	"strconv"
)

// capabilityNames are Linux's capabilities by number, from capabilities(7).
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// capSysResource is what raising a hard limit takes.
const capSysResource = 24

// capabilities is a set, a bit each.
type capabilities uint64

// parseCapabilities reads from /proc/<pid>/status what the process both has and may pass on: giving a machine more than
// that makes runc fail.
func parseCapabilities(status []byte) (capabilities, error) {
	bounding, err := capabilityField(status, "CapBnd:")
	if err != nil {
		return 0, err
	}
	permitted, err := capabilityField(status, "CapPrm:")
	return bounding & permitted, err
}

func capabilityField(status []byte, name string) (capabilities, error) {
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte(name)); ok {
			set, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("parsing %s of process status: %w", name, err)
			}
			return capabilities(set), nil
		}
	}
	return 0, fmt.Errorf("parsing process status: no line %s", name)
}

func (c capabilities) has(n int) bool { return c&(1<<n) != 0 }

// names lists the set as the OCI specification wants it. Capabilities newer than the table are left out: runc would not
// know them either.
func (c capabilities) names() []string {
	var names []string
	for n, name := range capabilityNames {
		if c.has(n) {
			names = append(names, name)
		}
	}
	return names
}
