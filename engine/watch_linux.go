package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells when files in directories are made, replaced or removed.
type watcher struct{ inotify *os.File }

func watch(dir string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching %q (the limit is the kernel parameter fs.inotify.max_user_instances): %w", dir, err)
	}
	w := &watcher{inotify: os.NewFile(uintptr(fd), "inotify")}
	return w, w.add(dir)
}

func (w *watcher) close() { w.inotify.Close() }

// add watches one more directory; one that is watched already, or gone, is no error.
func (w *watcher) add(dir string) error {
	conn, err := w.inotify.SyscallConn()
	if err != nil {
		return fmt.Errorf("watching %q: %w", dir, err)
	}
	var added error
	err = conn.Control(func(fd uintptr) {
		_, added = unix.InotifyAddWatch(int(fd), dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_ONLYDIR)
	})
	if err = errors.Join(err, added); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("watching %q: %w", dir, err)
	}
	return nil
}

// wait returns when something has changed. What it was is found by looking; a burst of events is one.
func (w *watcher) wait(ctx context.Context) error {
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { _ = w.inotify.SetReadDeadline(past) })
	defer stop()
	events := make([]byte, 16<<10)
	if _, err := w.inotify.Read(events); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("watching for changes: %w", err)
	}
	return nil
}
