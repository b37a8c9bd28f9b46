package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/cloudconfig"
)

// applier is this machine, for user data to be applied to.
type applier struct {
	path   string // PATH
	reaper *reaper
	output *os.File
}

// SetHostname names the machine, now and for its next start.
func (a *applier) SetHostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return err
	}
	return os.WriteFile("/etc/hostname", []byte(name+"\n"), 0o644) // in place: it may be a mount point
}

// PutFile writes a file. Content that is added is added once, also when a bootstrap that was cut short runs again.
func (a *applier) PutFile(f cloudconfig.File) error {
	uid, gid, err := owner(f.User, f.Group)
	if err != nil {
		return err
	}
	if err := (host.Local{}).MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	content := f.Content
	if f.Append {
		old, err := os.ReadFile(f.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !bytes.HasSuffix(old, content) {
			content = append(old, content...)
		} else {
			content = old
		}
	}
	return replace(f.Path, content, f.Mode, uid, gid)
}

// replace writes a file whole under another name, with the owner and mode it is to have, and then moves it into place.
func replace(path string, content []byte, mode fs.FileMode, uid, gid int) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chown(uid, gid)
	}
	if err == nil {
		err = f.Chmod(mode) // after the owner, whose change takes set-user-id bits away
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// owner gives the numbers of a user and a group; root where there is no name.
func owner(userName, groupName string) (uid, gid int, err error) {
	uid, err = number(userName, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return 0, 0, err
	}
	gid, err = number(groupName, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return uid, gid, err
}

func number(name string, lookup func(string) (string, error)) (int, error) {
	if name == "" || name == "root" {
		return 0, nil
	}
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	id, err := lookup(name)
	if err != nil {
		return 0, fmt.Errorf("looking up an owner: %w", err)
	}
	return strconv.Atoi(id)
}

// Run runs a command with its output in the log. What it says in errors is how it ended, not what it was.
func (a *applier) Run(ctx context.Context, c cloudconfig.Command) error {
	words := c.Words
	if len(words) == 0 {
		words = []string{"/bin/sh", "-c", c.Shell}
	}
	file := words[0]
	if !filepath.IsAbs(file) {
		var err error
		if file, err = lookPath(file, a.path); err != nil {
			return err
		}
	}
	cmd := exec.Command(file)
	cmd.Args = words
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + a.path, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh"}
	cmd.Stdout, cmd.Stderr = a.output, a.output
	err := a.reaper.run(ctx, cmd)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("%w; its output is in %s", err, bootstrapLog)
	}
	return err
}
