package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/plan"
	"github.com/slipway-dev/slipway/release"
)

// Down plans the removal of everything that this host has of a cluster. Releases and images stay, for the next one. A cluster
// of which nothing is here is an empty plan.
func (l *Local) Down(ctx context.Context, name string) (plan.Plan, error) {
	if err := ValidateName(name); err != nil {
		return plan.Plan{}, err
	}
	p := plan.Plan{Name: "down " + name}
	e := l.Engine(l.releaseOf(name))
	if _, err := e.Cluster(ctx, name); errors.Is(err, engine.ErrNotFound) {
		return p, nil
	} else if err != nil {
		return p, err
	}
	p.Steps = []plan.Step{{
		ID: "cluster", Title: "cluster", Object: name, Action: plan.Delete, Reason: "asked for", Disruption: plan.LosesAvailability,
		Diff: "- its machines, their disks and all data on them\n- its network, its endpoint on this host and its kubeconfig\n",
		Run: func(ctx context.Context, report plan.Reporter) error {
			if err := e.DeleteCluster(ctx, name); err != nil {
				return err
			}
			report.Say("removed")
			return l.dropLock(ctx, name)
		},
	}}
	return p, nil
}

// dropLock removes the file of the lock that up takes. Down does not wait for an up that hangs: it takes the cluster away from under
// it, and when that up ends it removes the file itself.
func (l *Local) dropLock(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	unlock, err := l.Lock(ctx, name, func() {})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return err
	}
	unlock()
	return nil
}

// releaseOf returns the release of a cluster, or an empty one when either is not there (any more).
func (l *Local) releaseOf(name string) release.Release {
	record, err := l.Record(name)
	if err != nil {
		return release.Release{}
	}
	want, err := release.Find(record.Kubernetes)
	if err != nil {
		return release.Release{}
	}
	r, err := l.Store().Lookup(want.Kubernetes, l.Arch)
	if err != nil {
		return release.Release{}
	}
	return r
}
