package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/release"
)

// Status is a cluster in a list.
type Status struct {
	Name       string           `json:"name"`
	Kubernetes string           `json:"kubernetes,omitempty"`
	Created    time.Time        `json:"created,omitzero"`
	State      State            `json:"state"`
	Endpoint   string           `json:"endpoint,omitempty"`
	Kubeconfig string           `json:"kubeconfig,omitempty"`
	Machines   []engine.Machine `json:"machines"`
}

// State sums up what runs of a cluster. It is told from processes, not by asking the cluster.
type State string

// The states. A cluster that is Incomplete was interrupted while it was made or removed.
const (
	Running    State = "running"
	Stopped    State = "stopped"
	Incomplete State = "incomplete"
)

// List describes the clusters of this host by name.
func (l *Local) List(ctx context.Context) ([]Status, error) {
	clusters, err := l.Engine(release.Release{}).Clusters(ctx)
	if err != nil {
		return nil, err
	}
	all := []Status{}
	for _, c := range clusters {
		s, err := l.status(c)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (l *Local) status(c engine.Cluster) (Status, error) {
	s := Status{Name: c.Name, State: stateOf(c), Machines: c.Machines}
	record, err := l.Record(c.Name)
	var absent *NotFoundError
	if errors.As(err, &absent) {
		s.State = Incomplete
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.Kubernetes, s.Created = record.Kubernetes, record.Created
	if record.APIPort == 0 {
		s.State = Incomplete
		return s, nil
	}
	s.Endpoint = endpointURL(record.APIPort)
	s.Kubeconfig = l.kubeconfigPath(c.Name)
	return s, nil
}

func stateOf(c engine.Cluster) State {
	if c.Deleting || c.Network == nil || len(c.Machines) == 0 {
		return Incomplete
	}
	running := 0
	for _, m := range c.Machines {
		switch m.Status {
		case engine.Running:
			running++
		case engine.Unfinished:
			return Incomplete
		}
	}
	if running == len(c.Machines) && c.GatewayPID != 0 {
		return Running
	}
	return Stopped
}
