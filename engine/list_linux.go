package engine

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/slipway-dev/slipway/engine/gateway"
)

// Clusters lists the clusters that have anything on this host, by name. It changes nothing.
func (e *Engine) Clusters(ctx context.Context) ([]Cluster, error) {
	names, err := subdirectories(e.clustersDir())
	if err != nil {
		return nil, err
	}
	running, err := subdirectories(e.run())
	if err != nil {
		return nil, err
	}
	names = append(names, running...)
	slices.Sort(names)
	var all []Cluster
	for _, name := range slices.Compact(names) {
		if CheckName("cluster name", name) != nil {
			continue // not one of ours
		}
		c, err := e.describe(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Cluster describes one cluster; ErrNotFound means that nothing of it is on this host.
func (e *Engine) Cluster(ctx context.Context, name string) (Cluster, error) {
	if err := CheckName("cluster name", name); err != nil {
		return Cluster{}, err
	}
	if !exists(e.clusterDir(name)) && !exists(e.runDir(name)) {
		return Cluster{}, ErrNotFound
	}
	return e.describe(ctx, name)
}

func (e *Engine) describe(ctx context.Context, name string) (Cluster, error) {
	c := Cluster{Name: name, Deleting: exists(e.deletingFile(name))}
	cfg, err := e.networkOf(name)
	if err == nil {
		c.Network = &cfg
	} else if !errors.Is(err, ErrNotFound) {
		return c, err
	}
	var g gateway.Config
	err = readJSON(e.gatewayFile(name), &g)
	if err == nil {
		c.Gateway = &g
	} else if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	if c.KeeperPID, err = e.daemonPID(name, keeperName); err != nil {
		return c, err
	}
	if c.GatewayPID, err = e.daemonPID(name, gatewayName); err != nil {
		return c, err
	}
	c.Machines, err = e.Machines(ctx, name)
	return c, err
}

func (e *Engine) daemonPID(cluster, daemon string) (int, error) {
	proc, err := owner(e.ownerFile(cluster, daemon))
	if proc == nil || err != nil {
		return 0, err
	}
	defer proc.close()
	return proc.pid, nil
}

// Machines lists the machines of a cluster by name, none when there is no such cluster. It changes nothing.
func (e *Engine) Machines(ctx context.Context, cluster string) ([]Machine, error) {
	if err := CheckName("cluster name", cluster); err != nil {
		return nil, err
	}
	names, err := subdirectories(e.machinesDir(cluster))
	if err != nil {
		return nil, err
	}
	all := []Machine{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := e.look(cluster, name)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (e *Engine) look(cluster, name string) (Machine, error) {
	p := e.machine(cluster, name)
	m := Machine{Cluster: cluster, Name: name, Status: Unfinished}
	r, err := e.load(p)
	if errors.Is(err, ErrNotFound) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	m.Hostname, m.Address, m.ControlPlane, m.Image = r.Hostname, r.Address, r.ControlPlane, r.Image
	m.Wanted, m.Created = r.Wanted, r.Created
	if !r.Whole {
		return m, nil
	}
	m.Status = Stopped
	proc, err := firstProcess(p)
	if proc == nil || err != nil {
		return m, err
	}
	defer proc.close()
	m.Status, m.PID = Running, proc.pid
	return m, nil
}
