package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/engine/network"
	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/plan"
	"github.com/slipway-dev/slipway/release"
)

// Spec is what a person asks for.
type Spec struct {
	Name string
	// Kubernetes is a version, a minor version, or empty for the newest supported one, or for the one the cluster has.
	Kubernetes string
	// APIPort on 127.0.0.1; 0 means a free one, or the one the cluster has.
	APIPort int
}

// The IDs of the steps of up.
const (
	stepRelease      = "release"
	stepImage        = "image"
	stepNetwork      = "network"
	stepMachine      = "machine"
	stepControlPlane = "control-plane"
	stepNode         = "node"
	stepAddons       = "addons"
)

// bringUp is one up: what is asked for, what was found, and what the steps hand to each other.
type bringUp struct {
	*Local
	spec    Spec
	machine string
	want    release.Supported

	rel    release.Release // known once it is in the store
	img    image.Machine   // known once it is built
	record Record
	found  found

	access    access    // known once the network is there
	restarted time.Time // when a machine was started that had been a node before
}

// Up observes the host and plans what is missing for the cluster to be as asked. An empty plan means that it is. The plan's
// steps look again before they act, so it can be applied after anything has happened in between.
func (l *Local) Up(ctx context.Context, spec Spec) (plan.Plan, error) {
	if err := ValidateName(spec.Name); err != nil {
		return plan.Plan{}, err
	}
	up := &bringUp{Local: l, spec: spec, machine: spec.Name + "-control-plane-1"}
	if err := up.observe(ctx); err != nil {
		return plan.Plan{}, err
	}
	return up.plan(), nil
}

// VersionChangeError says that a cluster runs another version than the one asked for.
type VersionChangeError struct{ Name, Have, Want string }

func (e *VersionChangeError) Error() string {
	return fmt.Sprintf("cluster %q runs Kubernetes %s, and up does not change versions (asked for %s)", e.Name, e.Have, e.Want)
}

// Hint says what works.
func (e *VersionChangeError) Hint() string {
	return fmt.Sprintf("leave the version out to go on with %s, or make another cluster: slipway up NAME --kubernetes-version %s", e.Have, e.Want)
}

// plan turns what was found into steps. Release, image and network do not need each other; the rest is a chain with its end
// forked: the node becomes Ready because of the addons, while they become healthy.
func (up *bringUp) plan() plan.Plan {
	p := plan.Plan{Name: "up " + up.spec.Name}
	add := func(needed bool, s plan.Step, needs ...string) {
		if !needed {
			return
		}
		s.Disruption = plan.NoDisruption
		s.Needs = among(p.Steps, needs)
		p.Steps = append(p.Steps, s)
	}
	f := up.found
	add(f.release != "", plan.Step{ID: stepRelease, Title: "release " + up.want.Kubernetes.String(), Action: plan.Create, Reason: f.release, Run: up.supplyRelease})
	add(f.image != "", plan.Step{ID: stepImage, Title: "machine image", Object: f.imageName, Action: plan.Create, Reason: f.image, Run: up.buildImage}, stepRelease)
	add(f.network != "", plan.Step{ID: stepNetwork, Title: "cluster network", Object: up.spec.Name, Action: plan.Create, Reason: f.network, Run: up.connect}, stepRelease)
	add(f.machine != "", plan.Step{ID: stepMachine, Title: "machine", Object: up.machine, Action: plan.Create, Reason: f.machine, Run: up.startMachine}, stepImage, stepNetwork)
	add(f.api != "", plan.Step{ID: stepControlPlane, Title: "control plane", Action: plan.Run, Reason: f.api, Run: up.awaitControlPlane}, stepNetwork, stepMachine)
	addons := plan.Step{ID: stepAddons, Title: "addons", Object: "flannel kube-proxy coredns", Action: plan.Change, Reason: f.addons, Run: up.installAddons}
	node := plan.Step{ID: stepNode, Title: "node", Action: plan.Run, Reason: f.node, Run: up.awaitNode}
	if f.restart { // what the API says of the node and its pods is from before, until the kubelet has spoken
		add(f.node != "", node, stepControlPlane)
		add(f.addons != "", addons, stepControlPlane, stepNode)
		return p
	}
	add(f.addons != "", addons, stepControlPlane)
	add(f.node != "", node, stepControlPlane)
	return p
}

// among keeps the needs that are in the plan; the result is never nil, which would mean the step before.
func among(steps []plan.Step, needs []string) []string {
	present := []string{}
	for _, s := range steps {
		if slices.Contains(needs, s.ID) {
			present = append(present, s.ID)
		}
	}
	return present
}

func (up *bringUp) supplyRelease(ctx context.Context, report plan.Reporter) (err error) {
	up.rel, err = release.Ensure(ctx, up.Store(), up.want, up.Arch, up.Sources, report)
	return hinted(err)
}

func (up *bringUp) buildImage(ctx context.Context, report plan.Reporter) (err error) {
	up.img, err = image.Build(ctx, up.ImageOptions(up.rel), report)
	return err
}

// connect makes the network, publishes the endpoint and writes the kubeconfig that leads there. The record comes first: from
// then on the cluster can be listed and removed.
func (up *bringUp) connect(ctx context.Context, _ plan.Reporter) error {
	if up.record.Name == "" {
		up.record = Record{Name: up.spec.Name, Kubernetes: up.want.Kubernetes.String(), Created: up.Now().UTC()}
	}
	if err := up.writeRecord(up.record); err != nil {
		return err
	}
	e := up.Engine(up.rel)
	if _, err := e.EnsureNetwork(ctx, up.spec.Name); err != nil {
		return err
	}
	gateway, _, err := e.EnsureGateway(ctx, up.spec.Name, up.spec.APIPort, apiPort)
	if err != nil {
		return hinted(err)
	}
	return up.grantAccess(gateway.Port)
}

// startMachine makes the machine with its bootstrap data, or starts the one there is.
func (up *bringUp) startMachine(ctx context.Context, _ plan.Reporter) error {
	spec, err := up.machineSpec()
	if err != nil {
		return err
	}
	if up.found.restart {
		up.restarted = up.Now()
	}
	if _, err := up.Engine(up.rel).EnsureMachine(ctx, spec); err != nil {
		return err
	}
	if up.record.Image == spec.Image {
		return nil
	}
	up.record.Image = spec.Image
	return up.writeRecord(up.record)
}

// machineSpec describes the machine. One that exists keeps the image it was made from.
func (up *bringUp) machineSpec() (engine.MachineSpec, error) {
	spec := engine.MachineSpec{
		Cluster: up.spec.Name, Name: up.machine, ControlPlane: true, Address: firstMachineAddress(),
		Image: up.img.Digest, LowerDirs: up.img.LowerDirs, StateDir: up.img.StateDir,
		Args: []string{"/usr/bin/slipway", "agent", "--pause-image", up.rel.Image(release.Pause), "--gogc", strconv.Itoa(garbagePercent)},
	}
	first := firstMachine{
		Cluster: up.spec.Name, Machine: up.machine, Address: spec.Address, Endpoint: endpointAddress(), Release: up.rel, Host: observeHost(),
	}
	var err error
	spec.UserData, err = first.userData(up.access.authorities)
	return spec, err
}

// firstMachineAddress is the lowest address that a machine can have, the same in every cluster.
func firstMachineAddress() netip.Addr { return network.FirstMachine() }

// endpointAddress is where the gateway publishes the control plane inside the cluster's network.
func endpointAddress() netip.Addr { return network.BridgeAddress() }

// hinted adds what to do to the errors of the layers below that a person can do something about.
func hinted(err error) error {
	var port *engine.PortInUseError
	var deleting *engine.DeletingError
	var down *release.FallthroughError
	switch {
	case errors.As(err, &port):
		return &HintedError{err, "choose another port with --api-port, or leave it out"}
	case errors.As(err, &deleting):
		return &HintedError{err, "slipway down " + deleting.Cluster + " finishes it"}
	case errors.As(err, &down):
		return &HintedError{err, "slipway doctor tells what is missing on this machine"}
	}
	return err
}

// HintedError is an error of a lower layer with what its reader can do about it.
type HintedError struct {
	Err  error
	hint string
}

func (e *HintedError) Error() string { return e.Err.Error() }
func (e *HintedError) Unwrap() error { return e.Err }

// Hint returns what to do.
func (e *HintedError) Hint() string { return e.hint }
