package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-dev/slipway/engine/network"
)

// StopMachine ends the machine and keeps its files. Its first process is asked to end and has grace to do so. The wish is
// written down first, so the keeper does not start it again.
func (e *Engine) StopMachine(ctx context.Context, cluster, machine string, grace time.Duration) error {
	if err := errors.Join(CheckName("cluster name", cluster), CheckName("machine name", machine)); err != nil {
		return err
	}
	p := e.machine(cluster, machine)
	if !exists(p.record()) {
		return fmt.Errorf("stopping machine %q of cluster %q: it %w", machine, cluster, ErrNotFound)
	}
	unlock, err := lockFile(ctx, p.lock())
	if err != nil {
		return err
	}
	defer unlock()
	r, err := e.load(p)
	if err != nil {
		return err
	}
	if r.Wanted != WantStopped {
		r.Wanted = WantStopped
		if err := writeJSON(p.record(), r); err != nil {
			return err
		}
	}
	proc, err := firstProcess(p)
	if err != nil {
		return err
	}
	if proc != nil {
		defer proc.close()
		if err := proc.end(ctx, grace); err != nil {
			return fmt.Errorf("stopping machine %q: %w", machine, err)
		}
	}
	if err := e.clear(ctx, p, r.Address); err != nil {
		return fmt.Errorf("stopping machine %q: %w", machine, err)
	}
	return nil
}

// DeleteMachine ends the machine and removes everything of it. A machine that does not exist is no error.
func (e *Engine) DeleteMachine(ctx context.Context, cluster, machine string) error {
	if err := errors.Join(CheckName("cluster name", cluster), CheckName("machine name", machine)); err != nil {
		return err
	}
	if !exists(e.runDir(cluster)) && !exists(e.clusterDir(cluster)) {
		return nil
	}
	p := e.machine(cluster, machine)
	unlock, err := lockFile(ctx, p.lock())
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.discard(ctx, p); err != nil {
		return fmt.Errorf("deleting machine %q: %w", machine, err)
	}
	if err := os.Remove(p.lock()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting machine %q: %w", machine, err)
	}
	return e.syncGateway(ctx, cluster)
}

// discard removes a machine. The record first says that the machine is not whole any more, so an interruption can never leave
// a machine that looks usable but has lost part of its files.
func (e *Engine) discard(ctx context.Context, p machinePaths) error {
	r, err := e.load(p)
	if err == nil && (r.Whole || r.Wanted != WantStopped) {
		r.Whole, r.Wanted = false, WantStopped
		err = writeJSON(p.record(), r)
	}
	if err != nil && !errors.Is(err, ErrNotFound) && exists(p.record()) {
		// A record that cannot be read must not keep a machine from being deleted.
		if err := os.Remove(p.record()); err != nil {
			return fmt.Errorf("removing its record: %w", err)
		}
	}
	if err := e.clear(ctx, p, r.Address); err != nil {
		return err
	}
	for _, dir := range []string{p.run, p.varDir(), p.upper(), p.work(), p.dir} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing its files: %w", err)
		}
	}
	return nil
}

// clear removes what a run of the machine has left in the kernel: processes, cgroups, mounts, namespaces, and runc's notes.
// It is safe to repeat and works on half of them.
func (e *Engine) clear(ctx context.Context, p machinePaths, address netip.Addr) error {
	if err := clearCgroup(ctx, p.cgroup()); err != nil {
		return err
	}
	if err := unmountBelow(p.run); err != nil {
		return err
	}
	cfg, err := e.networkOf(p.cluster)
	if err != nil {
		address = netip.Addr{} // without the plan the port is not known; it goes with the cluster's namespace
	}
	endpoint := network.Endpoint{Machine: p.name, Address: address}
	if err := network.Detach(ctx, cfg, e.clusterNS(p.cluster), endpoint, p.netns); err != nil {
		return err
	}
	for _, path := range []string{filepath.Join(e.runcRoot(p.cluster), p.name), p.pidFile(), p.runcLog()} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing leftovers of its last run: %w", err)
		}
	}
	return nil
}
