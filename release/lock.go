package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-dev/slipway/plan"
)

// Lock waits until no other process changes the store, and returns the function that lets the next one in. The lock dies
// with the process that holds it.
func (s Store) Lock(ctx context.Context, report plan.Reporter) (unlock func(), err error) {
	if err := os.MkdirAll(s.Root, 0o755); err != nil {
		return nil, fmt.Errorf("making the store: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.Root, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the store: %w", err)
	}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for said := false; ; {
		held, err := tryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("locking the store %q: %w", s.Root, err)
		}
		if held {
			return func() { f.Close() }, nil
		}
		if !said {
			report.Say("waiting for another process that fills the store")
			said = true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for the store %q, which another process is filling: %w", s.Root, context.Cause(ctx))
		}
	}
}
