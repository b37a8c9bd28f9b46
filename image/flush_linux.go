package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// fewFiles is the number of files up to which each is written to the disk by itself. Beyond it, writing all of the file
// system at once is faster, although that may wait for what others have written.
const fewFiles = 32

// flush writes everything below dir to the disk. Files that have other names too are left to those who made them.
func flush(dir string) error {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); d.IsDir() || d.Type().IsRegular() && ok && stat.Nlink == 1 {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(paths) > fewFiles {
		return synced(dir, func(f *os.File) error { return unix.Syncfs(int(f.Fd())) })
	}
	for _, path := range paths {
		if err := synced(path, (*os.File).Sync); err != nil {
			return err
		}
	}
	return nil
}

func synced(path string, sync func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(sync(f), f.Close()); err != nil {
		return fmt.Errorf("writing %q to the disk: %w", path, err)
	}
	return nil
}
