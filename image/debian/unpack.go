package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-dev/slipway/plan"
)

// Unpack unpacks packages, whose files are at paths by name, into the directory dir, which it makes. Files for which keep
// does not hold are left out; keep is given paths like "usr/bin/bash". Of a file in two packages the later package's stays,
// in the order of packages, so that the result does not depend on timing.
//
// Nothing is written outside of dir, whatever the packages hold. No script runs. Files belong to whoever the package says
// when the caller is root, and else to the caller.
func Unpack(ctx context.Context, packages []LockedPackage, paths map[string]string, dir string, keep func(string) bool, report plan.Reporter) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := mergeUsr(root, packages); err != nil {
		return err
	}
	// Unpacking xz takes nearly all the time and is done for several packages at once; writing goes in order.
	ahead := make([]chan []byte, len(packages))
	for i := range ahead {
		ahead[i] = make(chan []byte, 1)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return readAhead(ctx, packages, paths, ahead) })
	group.Go(func() error {
		t := tree{root: root, keep: keep, own: os.Geteuid() == 0}
		for i, p := range packages {
			select {
			case data := <-ahead[i]:
				if err := t.extract(bytes.NewReader(data)); err != nil {
					return fmt.Errorf("unpacking package %s: %w", p.Name, err)
				}
				report.Count(int64(i+1), int64(len(packages)), "packages", p.Name)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	return group.Wait()
}

// readAhead sends each package's data to its channel, three packages being unpacked at a time. The channels hold one item
// each, so that no worker ever waits for the writer.
func readAhead(ctx context.Context, packages []LockedPackage, paths map[string]string, ahead []chan []byte) error {
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(3)
	for i, p := range packages {
		workers.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			data, err := readData(paths[p.Name])
			if err != nil {
				return fmt.Errorf("reading package %s: %w", p.Name, err)
			}
			ahead[i] <- data
			return nil
		})
	}
	return workers.Wait()
}

// mergeUsr lays the links that make /bin, /sbin and /lib parts of /usr, which all packages count on but only a script or
// the newest base-files would make.
func mergeUsr(root *os.Root, packages []LockedPackage) error {
	if err := mkdir(root, "usr"); err != nil {
		return err
	}
	names := []string{"bin", "sbin", "lib"}
	for _, p := range packages {
		if p.Architecture == "amd64" {
			names = append(names, "lib64")
			break
		}
	}
	for _, name := range names {
		if err := mkdir(root, "usr/"+name); err != nil {
			return err
		}
		if err := root.Symlink("usr/"+name, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// mkdir makes a directory that everybody can enter, whatever the umask.
func mkdir(root *os.Root, name string) error {
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return root.Chmod(name, 0o755)
}

// tree is a root file system that packages are unpacked into. All access goes through os.Root, which refuses paths and
// links that lead out of it.
type tree struct {
	root *os.Root
	keep func(string) bool
	own  bool // set owners
}

func (t tree) extract(r io.Reader) error {
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if name == "" || t.keep != nil && !t.keep(name) {
			continue
		}
		if err := t.entry(name, h, files); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
}

func (t tree) entry(name string, h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		return t.dir(name, h)
	}
	if _, err := t.root.Stat(path.Dir(name)); errors.Is(err, fs.ErrNotExist) { // most packages name their directories
		if err := mkdir(t.root, path.Dir(name)); err != nil {
			return err
		}
	}
	if there, err := t.root.Lstat(name); err == nil {
		if there.Mode()&fs.ModeSymlink != 0 && h.Typeflag == tar.TypeSymlink {
			if target, err := t.root.Readlink(name); err == nil && target == h.Linkname {
				return nil
			}
		}
		if err := t.root.Remove(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return t.file(name, h, content)
	case tar.TypeSymlink:
		if err := t.root.Symlink(h.Linkname, name); err != nil || !t.own {
			return err
		}
		return t.root.Lchown(name, h.Uid, h.Gid)
	case tar.TypeLink:
		target := strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
		if t.keep != nil && !t.keep(target) {
			return fmt.Errorf("it is a hard link to %q, which is left out", target)
		}
		return t.root.Link(target, name)
	default:
		return fmt.Errorf("it is of the type %q, which no package of a machine has", h.Typeflag)
	}
}

// dir makes a directory, or leaves what is already there, which may be a link to a directory such as /bin.
func (t tree) dir(name string, h *tar.Header) error {
	if there, err := t.root.Stat(name); err == nil && there.IsDir() {
		return nil
	}
	if err := t.root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return t.finish(name, h)
}

func (t tree) file(name string, h *tar.Header, content io.Reader) error {
	f, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // a second close, after the checked one below, does nothing
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := t.finish(name, h); err != nil {
		return err
	}
	return t.root.Chtimes(name, h.ModTime, h.ModTime)
}

// finish sets the owner and then the mode, because a change of owner takes set-user-ID bits away.
func (t tree) finish(name string, h *tar.Header) error {
	if t.own {
		if err := t.root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	return t.root.Chmod(name, h.FileInfo().Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}
