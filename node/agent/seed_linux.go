package agent

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// seedWatch tells when a file may have been put into a directory, without asking the disk again and again.
type seedWatch struct{ events *os.File }

func watchSeed(dir string) (*seedWatch, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the seed directory: %w", err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching %q: %w", dir, err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_ONLYDIR); err != nil {
		return nil, fmt.Errorf("watching %q: %w", dir, errors.Join(err, unix.Close(fd)))
	}
	return &seedWatch{events: os.NewFile(uintptr(fd), "inotify "+dir)}, nil
}

// wait returns when something has come into the directory, or ctx has ended.
func (w *seedWatch) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = w.close() }) // the read below ends either way
	defer stop()
	// Which file it was does not matter: the caller looks.
	if _, err := w.events.Read(make([]byte, 4096)); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("waiting for user data: %w", err)
	}
	return nil
}

func (w *seedWatch) close() error {
	if err := w.events.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
