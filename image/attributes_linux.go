package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyOwner gives to the owner that info names. Only root can give files away, and only root has others' files.
func copyOwner(info fs.FileInfo, to string) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || (int(stat.Uid) == os.Geteuid() && int(stat.Gid) == os.Getegid()) {
		return nil
	}
	return os.Lchown(to, int(stat.Uid), int(stat.Gid))
}

// sameOwner reports whether two files belong to the same user and group.
func sameOwner(a, b fs.FileInfo) bool {
	sa, okA := a.Sys().(*syscall.Stat_t)
	sb, okB := b.Sys().(*syscall.Stat_t)
	return okA && okB && sa.Uid == sb.Uid && sa.Gid == sb.Gid
}

// copyAttributes copies the extended attributes of a directory, by which an overlay marks that it hides the one below.
func copyAttributes(from, to string) error {
	names := make([]byte, 4096) // overlay's are a few dozen bytes
	n, err := unix.Llistxattr(from, names)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing its attributes: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		if name == "" || strings.HasPrefix(name, "security.") { // the kernel's own business
			continue
		}
		value := make([]byte, 64<<10) // the most that the kernel allows
		n, err := unix.Lgetxattr(from, name, value)
		if err != nil {
			return fmt.Errorf("reading its attribute %q: %w", name, err)
		}
		if err := unix.Lsetxattr(to, name, value[:n], 0); err != nil {
			return fmt.Errorf("writing its attribute %q: %w", name, err)
		}
	}
	return nil
}
