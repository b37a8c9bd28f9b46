package agent

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mountpoint is a line of /proc/self/mountinfo.
type mountpoint struct {
	Path, Type string
	// Super are the options of the file system itself: a cgroup hierarchy's controllers, say.
	Super []string
}

func readMounts() ([]mountpoint, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mount table: %w", err)
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads lines like
//
//	36 35 98:0 /root /mnt rw,noatime shared:1 - cgroup cgroup rw,cpuset
func parseMounts(table string) []mountpoint {
	var mounts []mountpoint
	for line := range strings.Lines(table) {
		left, right, found := strings.Cut(line, " - ")
		where, what := strings.Fields(left), strings.Fields(right)
		if !found || len(where) < 6 || len(what) < 1 {
			continue
		}
		m := mountpoint{Path: unescape(where[4]), Type: what[0]}
		if len(what) > 2 {
			m.Super = strings.Split(what[2], ",")
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescape turns \040 into a blank, and so on.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func mounted(mounts []mountpoint, path string) bool {
	return slices.ContainsFunc(mounts, func(m mountpoint) bool { return m.Path == path })
}

// below lists mount points below the directories, the deepest and latest first: the order to unmount them in.
func below(mounts []mountpoint, dirs ...string) []string {
	var paths []string
	for _, m := range slices.Backward(mounts) {
		if slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(m.Path, dir+"/") }) {
			paths = append(paths, m.Path)
		}
	}
	return paths
}
