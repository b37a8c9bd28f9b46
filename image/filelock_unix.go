//go:build unix

package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/slipway-dev/slipway/plan"
)

// errLocked is the reason when another process builds in the same store.
var errLocked = errors.New("another process is building a machine image")

// tryLock takes the lock at path, or fails with errLocked. The kernel gives a lock up when its process ends, however it ends.
func tryLock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// waitLock takes the lock at path, waiting for another process that has it.
func waitLock(ctx context.Context, path string, report plan.Reporter) (unlock func() error, err error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for told := false; ; {
		unlock, err := tryLock(path)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, fmt.Errorf("locking the image store: %w", err)
		}
		if !told {
			report.Say("waiting: " + errLocked.Error())
			told = true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("locking the image store: %w", context.Cause(ctx))
		}
	}
}
