package image_test

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTheUmaskDoesNotMatter(t *testing.T) {
	o := localOptions(t)
	old := syscall.Umask(0o077)
	m := build(t, o)
	syscall.Umask(old)
	for _, dir := range append(m.LowerDirs, m.StateDir) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() || d.Name() == "root" {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o555 != 0o555 {
				t.Errorf("%q has the mode %s", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
