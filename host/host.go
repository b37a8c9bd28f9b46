// Package host is the seam to one Linux machine: its files, programs, services and clock. The node library does everything
// through a Host, so that a whole init can run against the in-memory one (host/hosttest) in milliseconds. It refuses to know
// what is done with the machine.
package host

import (
	"context"
	"io"
	"io/fs"
	"time"
)

// Host is one machine. All paths are absolute. Methods that take a path return errors that satisfy errors.Is with
// fs.ErrNotExist and fs.ErrExist where those apply. All methods are safe for concurrent use.
type Host interface {
	// Hostname returns the machine's name as the kernel knows it.
	Hostname() (string, error)
	// Now is the machine's clock.
	Now() time.Time
	// Rand is the machine's source of secure randomness.
	Rand() io.Reader

	// ReadFile returns the whole content of a file.
	ReadFile(path string) ([]byte, error)
	// WriteFile replaces a file as a whole: readers see the old content or the new, never a mixture, also after a crash.
	// mode is set whatever the umask; the parent directory must exist.
	WriteFile(path string, data []byte, mode fs.FileMode) error
	// MkdirAll makes a directory and its parents; a directory that exists is left as it is.
	MkdirAll(path string, mode fs.FileMode) error
	// Remove removes a file or an empty directory.
	Remove(path string) error
	// RemoveAll removes a tree; one that does not exist is no error.
	RemoveAll(path string) error
	// Rename moves a file, over an existing one if need be.
	Rename(from, to string) error
	// Symlink makes link point to target, replacing a link that is there.
	Symlink(target, link string) error
	// Stat describes a file, following links.
	Stat(path string) (fs.FileInfo, error)
	// ReadDir lists a directory by name.
	ReadDir(path string) ([]fs.DirEntry, error)

	// Exec runs a program to its end and returns what it printed. A program that ends with another status than 0 is a
	// *ExitError; its arguments never carry secrets.
	Exec(ctx context.Context, cmd Command) (Output, error)

	// Listening reports whether something listens on the TCP port on any address.
	Listening(port int) (bool, error)
}

// Command is a program to run.
type Command struct {
	// Path is looked up in PATH when it has no slash.
	Path string
	Args []string
	// Env is added to the environment of the calling process.
	Env   []string
	Dir   string
	Stdin io.Reader
}

// Output is what a program printed.
type Output struct {
	Stdout, Stderr []byte
}
