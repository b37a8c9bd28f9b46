package host

import (
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Local is the machine that the program runs on. Its zero value is ready for use.
type Local struct{}

var _ Host = Local{}

// Hostname returns the machine's name as the kernel knows it.
func (Local) Hostname() (string, error) { return os.Hostname() }

// Now is the machine's clock.
func (Local) Now() time.Time { return time.Now() }

// Rand is the machine's source of secure randomness.
func (Local) Rand() io.Reader { return rand.Reader }

// ReadFile returns the whole content of a file.
func (Local) ReadFile(path string) ([]byte, error) {
	if err := absolute("read", path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// MkdirAll makes a directory and its parents, each with the mode whatever the umask.
func (l Local) MkdirAll(path string, mode fs.FileMode) error {
	if err := absolute("mkdir", path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: errNotDirectory}
	}
	if parent := filepath.Dir(path); parent != path {
		if err := l.MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	return mkdir(path, mode)
}

// mkdir makes one directory; somebody else who makes it at the same moment is no error, and keeps his mode.
func mkdir(path string, mode fs.FileMode) error {
	err := os.Mkdir(path, mode)
	if os.IsExist(err) {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// Remove removes a file or an empty directory.
func (Local) Remove(path string) error {
	if err := absolute("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

// RemoveAll removes a tree; one that does not exist is no error.
func (Local) RemoveAll(path string) error {
	if err := absolute("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// Rename moves a file, over an existing one if need be.
func (Local) Rename(from, to string) error {
	if err := absolute("rename", from, to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Stat describes a file, following links.
func (Local) Stat(path string) (fs.FileInfo, error) {
	if err := absolute("stat", path); err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// ReadDir lists a directory by name.
func (Local) ReadDir(path string) ([]fs.DirEntry, error) {
	if err := absolute("open", path); err != nil {
		return nil, err
	}
	return os.ReadDir(path)
}

// Listening reports whether something listens on the TCP port on any address, without touching the port.
func (Local) Listening(port int) (bool, error) {
	if port < 1 || port > 65535 {
		return false, fmt.Errorf("asking for listeners on port %d: a port is a number from 1 to 65535", port)
	}
	return listening(port)
}

// absolute refuses paths that would depend on the working directory.
func absolute(op string, paths ...string) error {
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return &fs.PathError{Op: op, Path: path, Err: fmt.Errorf("not an absolute path: %w", fs.ErrInvalid)}
		}
	}
	return nil
}
