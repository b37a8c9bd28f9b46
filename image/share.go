package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// sharing replaces files by hard links to equal files elsewhere, so that the disk and the page cache hold them once. The
// files on both sides must never be written to again.
type sharing struct {
	bySize map[int64][]string
}

func newSharing() *sharing { return &sharing{bySize: map[int64][]string{}} }

// add offers a file to link to.
func (s *sharing) add(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.bySize[info.Size()] = append(s.bySize[info.Size()], path)
	return nil
}

// addTree offers all files below dir.
func (s *sharing) addTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return s.add(path)
	})
}

// apply replaces what it can below dir. Empty files stay as they are: there is nothing to share.
func (s *sharing) apply(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		for _, twin := range s.bySize[info.Size()] {
			if done, err := replace(path, info, twin); err != nil || done {
				return err
			}
		}
		return nil
	})
}

// replace makes path a link to twin if the two are equal in content, mode and owner.
func replace(path string, info fs.FileInfo, twin string) (bool, error) {
	other, err := os.Lstat(twin)
	if err != nil {
		return false, err
	}
	if os.SameFile(info, other) {
		return true, nil
	}
	if other.Mode() != info.Mode() || !sameOwner(info, other) {
		return false, nil
	}
	if equal, err := sameContent(path, twin); err != nil || !equal {
		return false, err
	}
	tmp := path + ".link"
	if err := os.Link(twin, tmp); err != nil {
		return false, fmt.Errorf("sharing %q: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return false, errors.Join(fmt.Errorf("sharing %q: %w", path, err), os.Remove(tmp))
	}
	return true, nil
}

func sameContent(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	bufA, bufB := make([]byte, 128<<10), make([]byte, 128<<10)
	for {
		na, errA := io.ReadFull(fa, bufA)
		nb, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:na], bufB[:nb]) {
			return false, nil
		}
		switch {
		case errA == nil && errB == nil:
		case ended(errA) && ended(errB):
			return true, nil
		default:
			return false, errors.Join(errA, errB)
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
