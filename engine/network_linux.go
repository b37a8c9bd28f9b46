package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/slipway-dev/slipway/engine/network"
)

// EnsureNetwork makes the cluster's network, or mends it, and says whether anything had to be done.
func (e *Engine) EnsureNetwork(ctx context.Context, cluster string) (changed bool, err error) {
	if err := e.checkCluster(cluster); err != nil {
		return false, err
	}
	cfg, created, err := e.planNetwork(ctx, cluster)
	if err != nil {
		return false, fmt.Errorf("planning the network of cluster %q: %w", cluster, err)
	}
	changed, err = e.applyNetwork(ctx, cfg)
	return created || changed, err
}

// planNetwork reads the cluster's network, or chooses one. A choice that meanwhile collides with another network of the host
// is made again: the uplink's addresses are known to nobody but us.
func (e *Engine) planNetwork(ctx context.Context, cluster string) (cfg network.Config, changed bool, err error) {
	if err := os.MkdirAll(e.machinesDir(cluster), 0o700); err != nil {
		return cfg, false, fmt.Errorf("making the cluster's directory: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(e.clustersDir(), ".lock"))
	if err != nil {
		return cfg, false, err
	}
	defer unlock()
	routes, err := network.Routes()
	if err != nil {
		return cfg, false, err
	}
	cfg, err = e.networkOf(cluster)
	if err == nil {
		if _, collides := cfg.Conflict(routes); !collides {
			return cfg, false, nil
		}
	} else if !errors.Is(err, ErrNotFound) {
		return cfg, false, err
	}
	taken, err := e.uplinks()
	if err != nil {
		return cfg, false, err
	}
	var prefixes []netip.Prefix
	for _, r := range routes {
		prefixes = append(prefixes, r.To)
	}
	if cfg, err = network.New(cluster, taken, prefixes); err != nil {
		return cfg, false, err
	}
	return cfg, true, writeJSON(e.networkFile(cluster), cfg)
}

// uplinks lists the uplinks of all clusters.
func (e *Engine) uplinks() ([]netip.Prefix, error) {
	names, err := subdirectories(e.clustersDir())
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, name := range names {
		cfg, err := e.networkOf(name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, cfg.Uplink)
	}
	return all, nil
}

// applyNetwork makes the network what cfg says. A gateway that still listens in a namespace that has been replaced is ended:
// nobody can reach it there, and the keeper or EnsureGateway starts another.
func (e *Engine) applyNetwork(ctx context.Context, cfg network.Config) (bool, error) {
	unlock, err := lockFile(ctx, filepath.Join(e.runDir(cfg.Cluster), "network.lock"))
	if err != nil {
		return false, err
	}
	defer unlock()
	file := e.clusterNS(cfg.Cluster)
	before, _ := os.Stat(file) // nil when there is none yet
	changed, warnings, err := network.Ensure(ctx, cfg, file)
	e.warn(warnings...)
	if after, _ := os.Stat(file); before != nil && after != nil && os.SameFile(before, after) {
		return changed, err
	}
	_, stopErr := e.stopDaemon(ctx, cfg.Cluster, gatewayName)
	return changed, errors.Join(err, stopErr)
}
