package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"github.com/slipway-dev/slipway/engine/gateway"
	"github.com/slipway-dev/slipway/engine/network"
)

// Cluster is what this host has of a cluster.
type Cluster struct {
	Name string `json:"name"`
	// Deleting means that the deletion was interrupted and must be finished.
	Deleting bool `json:"deleting,omitempty"`
	// Network and Gateway are nil when they were never made.
	Network *network.Config `json:"network,omitempty"`
	Gateway *gateway.Config `json:"gateway,omitempty"`
	// KeeperPID and GatewayPID are 0 when the process does not run.
	KeeperPID  int       `json:"keeperPID,omitempty"`
	GatewayPID int       `json:"gatewayPID,omitempty"`
	Machines   []Machine `json:"machines"`
}

// checkCluster refuses to work on a cluster that is half deleted.
func (e *Engine) checkCluster(cluster string) error {
	if err := CheckName("cluster name", cluster); err != nil {
		return err
	}
	if exists(e.deletingFile(cluster)) {
		return &DeletingError{Cluster: cluster}
	}
	return nil
}

// networkOf reads the cluster's network.
func (e *Engine) networkOf(cluster string) (network.Config, error) {
	var cfg network.Config
	err := readJSON(e.networkFile(cluster), &cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return cfg, fmt.Errorf("the network of cluster %q %w", cluster, ErrNotFound)
	}
	return cfg, err
}

// load reads a machine's record.
func (e *Engine) load(p machinePaths) (record, error) {
	var r record
	err := readJSON(p.record(), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("machine %q of cluster %q %w", p.name, p.cluster, ErrNotFound)
	}
	return r, err
}

// records reads the records of all machines of a cluster, by name; directories without one are passed over.
func (e *Engine) records(cluster string) ([]record, error) {
	names, err := subdirectories(e.machinesDir(cluster))
	if err != nil {
		return nil, err
	}
	var all []record
	for _, name := range names {
		r, err := e.load(e.machine(cluster, name))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// place gives the machine its address, which no other machine of the cluster has.
func place(r *record, others []record, cfg network.Config) error {
	var taken []netip.Addr
	for _, o := range others {
		if o.Name != r.Name {
			taken = append(taken, o.Address)
		}
	}
	if !r.Address.IsValid() {
		var err error
		r.Address, err = cfg.FreeMachine(taken)
		return err
	}
	if err := cfg.CheckMachine(r.Address); err != nil {
		return err
	}
	if i := slices.Index(taken, r.Address); i >= 0 {
		return &InvalidError{Field: "address", Value: r.Address.String(), Reason: "another machine of the cluster has it"}
	}
	return nil
}
