package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountRoot mounts a machine's root: the image's layers below, the machine's own changes on top.
func mountRoot(p machinePaths, lower []string) error {
	for _, dir := range []string{p.work(), p.rootfs()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the root of machine %q: %w", p.name, err)
		}
	}
	for _, dir := range lower {
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("making the root of machine %q: its image is not on this host: %w", p.name, err)
		}
	}
	options := overlayOptions(lower, p.upper(), p.work())
	// The kernel takes one page and would cut the rest off.
	if len(options) >= os.Getpagesize() {
		return fmt.Errorf("mounting the root of machine %q: the paths of its %d layers are too long together", p.name, len(lower))
	}
	if err := unix.Mount("slipway-"+p.cluster, p.rootfs(), "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting the root of machine %q: %w", p.name, err)
	}
	return nil
}

// overlayOptions renders mount options; overlayfs wants commas, colons and backslashes in paths escaped.
func overlayOptions(lower []string, upper, work string) string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`)
	escaped := make([]string, len(lower))
	for i, dir := range lower {
		escaped[i] = escape.Replace(dir)
	}
	path := strings.NewReplacer(`\`, `\\`, `,`, `\,`)
	return "lowerdir=" + strings.Join(escaped, ":") + ",upperdir=" + path.Replace(upper) + ",workdir=" + path.Replace(work)
}

// unmountBelow unmounts everything mounted at dir or below it, the newest first.
func unmountBelow(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved // the kernel lists real paths; a directory that is gone has nothing mounted on it
	}
	for _, point := range slices.Backward(mountsBelow(data, dir)) {
		if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmounting %q: %w", point, err)
		}
	}
	return nil
}

func mountsBelow(mountinfo []byte, dir string) []string {
	dir = filepath.Clean(dir)
	var points []string
	for line := range bytes.Lines(mountinfo) {
		fields := strings.Fields(string(line))
		if len(fields) < 5 {
			continue
		}
		if point := unescapeMount(fields[4]); point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points
}

// unescapeMount undoes the octal escapes of mountinfo.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
