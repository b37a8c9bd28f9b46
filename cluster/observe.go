package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/release"
)

// found says for each step of up why it is necessary; empty means that it is not.
type found struct {
	release, image, network, machine, api, node, addons string
	imageName                                           string
	// restart says that the machine stopped after it had been a whole cluster: what the API will say at first is from then.
	restart bool
}

// glance is how long an idle cluster may take to say that it is well; one that takes longer is waited for in a step.
const glance = 2 * time.Second

// observe fills in what is known and why anything has to be done.
func (up *bringUp) observe(ctx context.Context) error {
	if err := up.observeRecord(); err != nil {
		return err
	}
	state, err := up.Engine(up.rel).Cluster(ctx, up.spec.Name)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	if state.Deleting {
		return hinted(&engine.DeletingError{Cluster: up.spec.Name})
	}
	if err := up.observePort(state); err != nil {
		return err
	}
	machine := machineNamed(state, up.machine)
	if err := up.observeImage(machine); err != nil {
		return err
	}
	up.observeMachine(state, machine)
	return up.observeServing(ctx)
}

// observePort refuses a port that is taken before anything is made. Making the gateway looks again.
func (up *bringUp) observePort(c engine.Cluster) error {
	port := up.spec.APIPort
	if port == 0 || c.Gateway != nil && c.Gateway.Port == port {
		return nil
	}
	if port < 0 || port > 65535 {
		return &HintedError{fmt.Errorf("%d is no port", port), "a port is a number from 1 to 65535"}
	}
	listener, err := net.Listen("tcp4", netip.AddrPortFrom(loopback, uint16(port)).String())
	if err != nil {
		return hinted(&engine.PortInUseError{Port: port, Err: err})
	}
	return listener.Close()
}

// observeRecord decides which version is meant and whether its release is at hand.
func (up *bringUp) observeRecord() error {
	record, err := up.Record(up.spec.Name)
	var absent *NotFoundError
	if err != nil && !errors.As(err, &absent) {
		return err
	}
	version := up.spec.Kubernetes
	if record.Name != "" && version == "" {
		version = record.Kubernetes
	}
	if up.want, err = release.Find(version); err != nil {
		return err
	}
	if record.Name != "" && record.Kubernetes != up.want.Kubernetes.String() {
		return &VersionChangeError{up.spec.Name, record.Kubernetes, up.want.Kubernetes.String()}
	}
	up.record = record
	up.rel, err = up.Store().Lookup(up.want.Kubernetes, up.Arch)
	if err != nil {
		up.found.release = err.Error()
	}
	return nil
}

// observeImage asks for an image only when a machine has to be made: one that exists keeps its own.
func (up *bringUp) observeImage(machine *engine.Machine) error {
	up.found.imageName = "node/" + up.want.Kubernetes.String()
	if machine != nil && machine.Status != engine.Unfinished {
		return up.keepImage(machine)
	}
	if up.found.release != "" {
		up.found.image = "the release is not in the store yet"
		return nil
	}
	var err error
	if up.img, err = image.Current(up.ImageOptions(up.rel)); err != nil {
		return err
	}
	if !up.img.Built {
		up.found.image = "it is not in the store"
	}
	return nil
}

// keepImage finds the image that a machine was made from.
func (up *bringUp) keepImage(machine *engine.Machine) error {
	images, err := image.List(up.imageStore())
	if err != nil {
		return err
	}
	for _, i := range images {
		if i.Digest == machine.Image {
			up.img = i.Machine
			return nil
		}
	}
	return &HintedError{
		fmt.Errorf("the image %s of machine %q is no longer in the store", machine.Image, machine.Name),
		fmt.Sprintf("slipway down %s removes the cluster, slipway up %s makes a new one", up.spec.Name, up.spec.Name),
	}
}

func machineNamed(c engine.Cluster, name string) *engine.Machine {
	for i := range c.Machines {
		if c.Machines[i].Name == name {
			return &c.Machines[i]
		}
	}
	return nil
}

func (up *bringUp) observeMachine(c engine.Cluster, machine *engine.Machine) {
	switch {
	case up.record.Name == "" || c.Network == nil || c.Gateway == nil:
		up.found.network = "there is none"
	case c.GatewayPID == 0 || c.KeeperPID == 0:
		up.found.network = "its gateway or its keeper does not run"
	case up.spec.APIPort != 0 && up.spec.APIPort != c.Gateway.Port:
		up.found.network = fmt.Sprintf("the endpoint moves from port %d to %d", c.Gateway.Port, up.spec.APIPort)
	case machine == nil || machine.Status != engine.Running:
		up.found.network = "the machine is about to be started"
	}
	switch {
	case machine == nil:
		up.found.machine = "there is none"
	case machine.Status == engine.Unfinished:
		up.found.machine = "making it was interrupted"
	case machine.Status != engine.Running:
		// A machine whose up was interrupted has never been Ready, and will not be without the addons.
		up.found.machine, up.found.restart = "it does not run", up.record.Addons != ""
	}
}

// observeServing asks the cluster itself, when there is one to ask.
func (up *bringUp) observeServing(ctx context.Context) error {
	if up.found.network != "" || up.found.machine != "" {
		up.found.api, up.found.node, up.found.addons = "the machine has to start first", "the control plane has to answer first", "there are none yet"
		return nil
	}
	if err := up.grantAccess(up.record.APIPort); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	if err := up.access.api.Get(ctx, systemNamespace, nil); err != nil {
		up.found.network = "the control plane does not answer through its gateway"
		up.found.api, up.found.node, up.found.addons = err.Error(), "the control plane has to answer first", "they can be seen once it answers"
		return nil
	}
	if err := addon.Wait(ctx, up.access.addons, up.nodeObject(), nil); err != nil {
		up.found.node = err.Error()
	}
	return up.observeAddons(ctx)
}

// observeAddons compares what was applied with what would be.
func (up *bringUp) observeAddons(ctx context.Context) error {
	addons, digest, err := up.renderAddons()
	if err != nil {
		return err
	}
	if up.record.Addons != digest {
		up.found.addons = "they are not the ones that were applied"
		return nil
	}
	for _, a := range addons {
		if err := addon.Wait(ctx, up.access.addons, a.Objects, nil); err != nil {
			up.found.addons = err.Error()
			return nil
		}
	}
	return nil
}
