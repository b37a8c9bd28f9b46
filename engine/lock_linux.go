package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock on path, waiting for it until ctx ends. The file may be removed by whoever holds the lock, so a
// lock on a file that is no longer the one at path is taken again.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("locking %q: %w", path, err)
		}
		if err := flock(ctx, f, unix.LOCK_EX); err != nil {
			f.Close()
			return nil, err
		}
		if isAt(f, path) {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
}

// flock polls, because a blocked flock call could not be interrupted. Locks are held for milliseconds and seldom contended.
func flock(ctx context.Context, f *os.File, how int) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("locking %q: %w", f.Name(), err)
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("waiting for the lock %q: %w", f.Name(), err)
		}
	}
}

func isAt(f *os.File, path string) bool {
	held, err1 := f.Stat()
	there, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(held, there)
}

// sleep waits for d or the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Lock makes the caller the only one who changes the cluster, until it calls unlock or its process ends. While somebody else
// is, it waits for the end of ctx; waiting is told once that it does. Each operation of the engine is safe without: it is for
// callers whose work is a sequence of operations and files of their own. Operations do not take it themselves.
func (e *Engine) Lock(ctx context.Context, cluster string, waiting func()) (unlock func(), err error) {
	if err := CheckName("cluster name", cluster); err != nil {
		return nil, err
	}
	// Beside the cluster's directories, which whoever deletes the cluster removes while holding it.
	path := e.runDir(cluster) + ".lock"
	patient, cancel := context.WithTimeout(ctx, lockGlance)
	release, err := lockFile(patient, path)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		waiting()
		release, err = lockFile(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	return func() {
		if !exists(e.clusterDir(cluster)) && !exists(e.runDir(cluster)) {
			_ = os.Remove(path) // an empty file that is left hinders nobody
		}
		release()
	}, nil
}

// lockGlance is how long a lock may be waited for before a person is told.
const lockGlance = 100 * time.Millisecond

// own makes this process the one owner of path for as long as it lives. It reports false when another process is. The kernel
// keeps the owner's process id with this kind of lock, so nobody has to trust the content of a file that a crash left behind.
//
// Closing any descriptor of the file gives the lock up: the returned file must stay open, and path must not be opened again.
func own(path string) (*os.File, bool, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("claiming %q: %w", path, err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("claiming %q: %w", path, err)
	}
	// The number in the file is for people only.
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, false, fmt.Errorf("claiming %q: %w", path, err)
	}
	return f, true, nil
}

// owner returns the process that owns path, or nil when nobody does.
func owner(path string) (*process, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the owner of %q: %w", path, err)
	}
	defer f.Close()
	for {
		pid, err := ownerPID(f)
		if pid == 0 || err != nil {
			return nil, err
		}
		p, err := openProcess(pid)
		if err != nil {
			return nil, err
		}
		// Only if it still is the owner does the handle belong to the process that was meant.
		if again, err := ownerPID(f); p != nil && again == pid && err == nil {
			return p, nil
		}
		p.close()
	}
}

func ownerPID(f *os.File) (int, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("looking for the owner of %q: %w", f.Name(), err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}
