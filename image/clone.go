package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// immutable matches, below a machine's /var, the files that containerd writes once and never again: the content of image
// blobs and the files of image layers. What a container changes goes to a directory of its own above them.
var immutable = regexp.MustCompile(`(^|/)io\.containerd\.(content\.v1\.content/blobs/|snapshotter\.v1\.[^/]+/snapshots/[0-9]+/fs/)`)

// CloneState makes at to, which must not exist, a copy of the container state at from that a machine can write to. Files
// that are never changed once written are hard links, so that a machine costs no disk and shares the page cache with all
// others; everything else, databases above all, is copied. from is not changed by anything that happens in the copy as long
// as containerd keeps to that. Both must be on one file system. An interrupted clone leaves only to + ".partial", which
// the next one removes.
func CloneState(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("cloning the container state to %q: %w", to, fs.ErrExist)
	}
	partial := to + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("cloning the container state: %w", err)
	}
	err := cloneTree(ctx, from, partial)
	if err == nil {
		err = os.Rename(partial, to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cloning the container state to %q: %w", to, err), os.RemoveAll(partial))
	}
	return nil
}

func cloneTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if err := cloneEntry(path, filepath.Join(to, rel), filepath.ToSlash(rel), d); err != nil {
			return fmt.Errorf("%q: %w", rel, err)
		}
		return nil
	})
}

func cloneEntry(from, to, rel string, d fs.DirEntry) error {
	switch {
	case d.IsDir():
		return cloneDir(from, to, d)
	case d.Type().IsRegular() && immutable.MatchString(rel):
		return os.Link(from, to)
	case d.Type().IsRegular():
		return cloneFile(from, to, d)
	case d.Type() == fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case d.Type() == fs.ModeSocket:
		return nil // of a process that has ended
	case immutable.MatchString(rel):
		return os.Link(from, to) // a device that marks a file as removed from a lower layer
	default:
		return fmt.Errorf("it is of the type %s, which a container state does not have", d.Type())
	}
}

func cloneDir(from, to string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	if err := copyOwner(info, to); err != nil {
		return err
	}
	if err := copyAttributes(from, to); err != nil {
		return err
	}
	return os.Chmod(to, info.Mode())
}

func cloneFile(from, to string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	if err := copyFile(from, to, info.Mode().Perm()); err != nil {
		return err
	}
	return copyOwner(info, to)
}

// copyFile makes to, which must not exist, a copy of from. Where the file system can, they share their blocks until one
// of them is written to.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer out.Close() // a second close, after the checked one below, does nothing
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return errors.Join(out.Chmod(mode), out.Close())
}
