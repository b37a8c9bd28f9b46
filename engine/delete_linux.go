package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-dev/slipway/engine/network"
)

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
