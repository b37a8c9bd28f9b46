package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/cloudconfig"
)

// The states of a bootstrap.
const (
	bootstrapWaiting = "waiting"
	bootstrapRunning = "running"
	bootstrapDone    = "done"
	bootstrapFailed  = "failed"
)

// bootstrapper runs a machine's user data once.
type bootstrapper struct {
	path   string // PATH
	reaper *reaper
	log    *slog.Logger

	// tried is the hash of the last user data that was run. The same is not run twice between two starts of the machine,
	// however often it is put into its place.
	tried []byte

	mu    sync.Mutex
	state Bootstrap
}

// run waits for user data and runs it; when that fails, it waits for others. It returns once the bootstrap is done, for which
// the mark on disk counts: a machine that starts again only gets its sentinel back.
func (b *bootstrapper) run(ctx context.Context) error {
	watch, err := watchSeed(SeedDir)
	if err != nil {
		return err
	}
	defer watch.close()
	b.set(bootstrapWaiting, nil)
	for {
		done, err := b.look(ctx)
		if err != nil && ctx.Err() == nil {
			b.failed(err)
		}
		if done || ctx.Err() != nil {
			return nil
		}
		if err := watch.wait(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// look does what there is to be done, and says whether the machine has bootstrapped.
func (b *bootstrapper) look(ctx context.Context) (done bool, err error) {
	mark, err := os.ReadFile(DoneFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	marked := err == nil
	data, err := os.ReadFile(UserData)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return marked, fmt.Errorf("reading user data: %w", err)
	}
	hash := fmt.Appendf(nil, "%x\n", sha256.Sum256(data))
	switch {
	case marked:
		switch {
		case err == nil && bytes.Equal(mark, hash): // a crash came between the mark and this
			return true, errors.Join(forget(), b.succeed())
		case err == nil:
			b.log.Warn("user data has changed since the bootstrap, it is not run")
		}
		return true, b.succeed()
	case err != nil || bytes.Equal(b.tried, hash):
		return false, nil
	}
	b.tried = hash
	return b.execute(ctx, data, hash)
}

// execute runs user data. A process that dies in the middle leaves no mark, and the next start runs it again.
func (b *bootstrapper) execute(ctx context.Context, data, hash []byte) (done bool, err error) {
	began := time.Now()
	b.set(bootstrapRunning, nil)
	if err := os.Remove(FailureFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	name, err := os.Hostname()
	if err != nil {
		return false, err
	}
	config, err := cloudconfig.Parse(data, cloudconfig.Instance{Hostname: name, ID: name})
	if err != nil {
		return false, err
	}
	b.log.Info("bootstrap begins", "files", len(config.Files), "commands", len(config.Commands))
	if err := b.apply(ctx, config); err != nil {
		return false, err
	}
	if err := (host.Local{}).WriteFile(DoneFile, hash, 0o600); err != nil {
		return false, fmt.Errorf("marking the bootstrap as done: %w", err)
	}
	b.log.Info("bootstrap done", "after", time.Since(began).String())
	return true, errors.Join(forget(), b.succeed())
}

// forget removes the user data once it has done its work: it carries the cluster's keys, which now are where they belong. The
// mark keeps its hash.
func forget() error {
	if err := os.Remove(UserData); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing user data that has been run: %w", err)
	}
	return nil
}

func (b *bootstrapper) apply(ctx context.Context, config *cloudconfig.Config) (err error) {
	output, err := openBootstrapLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, output.Close()) }()
	return config.Apply(ctx, &applier{path: b.path, reaper: b.reaper, output: output})
}

// openBootstrapLog opens the log that cloud-init's users look for under another name. It may show join tokens.
func openBootstrapLog() (*os.File, error) {
	if info, err := os.Stat(bootstrapLog); err == nil && info.Size() > logSize {
		if err := os.Rename(bootstrapLog, bootstrapLog+".1"); err != nil {
			return nil, err
		}
	}
	if target, err := os.Readlink(cloudInitLog); err != nil || target != bootstrapLog {
		err := (host.Local{}).Symlink(bootstrapLog, cloudInitLog)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return os.OpenFile(bootstrapLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// succeed puts the sentinel where Cluster API looks, again after each start: /run is empty then.
func (b *bootstrapper) succeed() error {
	local := host.Local{}
	err := local.MkdirAll(filepath.Dir(Sentinel), 0o755)
	if err == nil {
		err = local.WriteFile(Sentinel, []byte("success\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the sentinel: %w", err)
	}
	b.set(bootstrapDone, nil)
	return nil
}

// failed leaves the reason where it is looked for.
func (b *bootstrapper) failed(reason error) {
	b.log.Error("bootstrap failed", "error", reason)
	b.set(bootstrapFailed, reason)
	if err := (host.Local{}).WriteFile(FailureFile, []byte(reason.Error()+"\n"), 0o600); err != nil {
		b.log.Error("writing why the bootstrap failed", "error", err)
	}
}

func (b *bootstrapper) set(state string, reason error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = Bootstrap{State: state}
	if reason != nil {
		b.state.Reason = reason.Error()
	}
}

// status says how far the bootstrap is.
func (b *bootstrapper) status() Bootstrap {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
