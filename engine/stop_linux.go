package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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

// DeleteCluster removes everything of a cluster from this host: the keeper and the gateway, all machines with the processes
// in them, mounts, cgroups, namespaces, links, firewall rules and files. It works on whatever part of these is there, and can
// be repeated; a cluster that does not exist is no error.
func (e *Engine) DeleteCluster(ctx context.Context, cluster string) error {
	if err := CheckName("cluster name", cluster); err != nil {
		return err
	}
	for _, step := range []func(context.Context, string) error{
		e.intendDeletion, e.stopDaemons, e.discardMachines, e.deleteCgroups, e.deleteNetwork, e.deleteFiles,
	} {
		if err := step(ctx, cluster); err != nil {
			return fmt.Errorf("deleting cluster %q: %w", cluster, err)
		}
	}
	return nil
}

// intendDeletion leaves the note that keeps everyone else from bringing back what is being taken away.
func (e *Engine) intendDeletion(_ context.Context, cluster string) error {
	if !exists(e.clusterDir(cluster)) {
		return nil
	}
	return writeFile(e.deletingFile(cluster), nil, 0o600)
}

// discardMachines removes every machine that has left a trace: a directory, a bundle, or a cgroup.
func (e *Engine) discardMachines(ctx context.Context, cluster string) error {
	roots, err := hostHierarchies()
	if err != nil {
		return err
	}
	dirs := []string{e.machinesDir(cluster), filepath.Join(e.runDir(cluster), "machines")}
	for _, root := range roots {
		dirs = append(dirs, filepath.Join(root.point, clusterCgroup(cluster)))
	}
	var names []string
	for _, dir := range dirs {
		found, err := subdirectories(dir)
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if CheckName("machine name", name) != nil {
			continue // no machine; it goes with the rest
		}
		if err := e.discardLocked(ctx, e.machine(cluster, name)); err != nil {
			return fmt.Errorf("deleting machine %q: %w", name, err)
		}
	}
	return nil
}

func (e *Engine) discardLocked(ctx context.Context, p machinePaths) error {
	unlock, err := lockFile(ctx, p.lock())
	if err != nil {
		return err
	}
	defer unlock()
	return e.discard(ctx, p)
}

func (e *Engine) deleteCgroups(ctx context.Context, cluster string) error {
	if err := clearCgroup(ctx, clusterCgroup(cluster)); err != nil {
		return err
	}
	return removeCgroupRoot(ctx)
}

func (e *Engine) deleteNetwork(ctx context.Context, cluster string) error {
	cfg, err := e.networkOf(cluster)
	if err != nil {
		cfg.Link = "" // what carries the cluster's label is found without the plan
	}
	return network.Delete(ctx, cluster, cfg.Link, e.netnsDir(cluster))
}

// deleteFiles removes the cluster's directories, the note of the deletion last.
func (e *Engine) deleteFiles(_ context.Context, cluster string) error {
	if err := errors.Join(unmountBelow(e.runDir(cluster)), unmountBelow(e.clusterDir(cluster))); err != nil {
		return err
	}
	if err := os.RemoveAll(e.runDir(cluster)); err != nil {
		return fmt.Errorf("removing its runtime files: %w", err)
	}
	dir := e.clusterDir(cluster)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing its files: %w", err)
	}
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); path != e.deletingFile(cluster) {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("removing its files: %w", err)
			}
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing its files: %w", err)
	}
	return nil
}
