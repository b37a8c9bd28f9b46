package host

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const errNotDirectory = syscall.ENOTDIR

// WriteFile replaces a file as a whole: readers see the old content or the new, never a mixture, also after a crash. The
// content lives under another name until it is complete and on disk; a name that begins with a dot, because the kubelet reads
// its manifest directory at any moment and skips those.
func (Local) WriteFile(path string, data []byte, mode fs.FileMode) (err error) {
	if err := absolute("write", path); err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return &fs.PathError{Op: "write", Path: path, Err: syscall.EISDIR}
	}
	f, err := os.OpenFile(temporary(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: cause(err)}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := fill(f, data, mode); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: cause(err)}
	}
	return os.Rename(f.Name(), path)
}

// fill writes, sets the mode, syncs and closes.
func fill(f *os.File, data []byte, mode fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Symlink makes link point to target, replacing a link that is there in one step.
func (Local) Symlink(target, link string) error {
	if err := absolute("symlink", link); err != nil {
		return err
	}
	if info, err := os.Lstat(link); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return &os.LinkError{Op: "symlink", Old: target, New: link, Err: fs.ErrExist}
	}
	name := temporary(link)
	if err := os.Symlink(target, name); err != nil {
		return &os.LinkError{Op: "symlink", Old: target, New: link, Err: cause(err)}
	}
	if err := os.Rename(name, link); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// temporary names a file beside path that nobody else uses.
func temporary(path string) string {
	dir, name := filepath.Split(path)
	return filepath.Join(dir, "."+name+".tmp-"+rand.Text()[:10])
}

// cause takes the error below a path error, so that the caller can name the path it was asked for.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
