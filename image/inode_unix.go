//go:build unix

package image

import (
	"io/fs"
	"syscall"
)

// inodeOf returns the number of a file within its file system.
func inodeOf(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}
