package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/plan"
)

// systemNamespace exists once the API server has set itself up: when it can be read, objects can be made.
const systemNamespace = "/api/v1/namespaces/kube-system"

// How long a cluster may take before up gives up and says what it waited for. Four minutes is what kubeadm allows the control
// plane; a busy machine that starts a second cluster needs a fraction.
const (
	controlPlaneTimeout = 4 * time.Minute
	nodeTimeout         = 4 * time.Minute
	addonsTimeout       = 5 * time.Minute
)

// awaitControlPlane waits until the API serves. Another process becomes ready: there is no event to wait for, and 50 ms is
// little beside the seconds it takes.
func (up *bringUp) awaitControlPlane(ctx context.Context, report plan.Reporter) error {
	ctx, cancel := context.WithTimeout(ctx, controlPlaneTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := up.access.api.Get(ctx, systemNamespace, nil)
		if err == nil {
			report.Became("answering", "")
			return nil
		}
		if err := up.hopeless(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &WaitError{What: "the control plane to answer", Last: err, Machine: up.machine, Cause: context.Cause(ctx)}
		}
	}
}

// hopeless says why there is nothing to wait for: somebody is removing the cluster, or its machine could not become a node.
func (up *bringUp) hopeless(ctx context.Context) error {
	state, err := up.Engine(up.rel).Cluster(ctx, up.spec.Name)
	if errors.Is(err, engine.ErrNotFound) || err == nil && state.Deleting {
		return fmt.Errorf("cluster %q was removed while it was being made", up.spec.Name)
	}
	machine := machineNamed(state, up.machine)
	if err != nil || machine == nil || machine.PID == 0 {
		return nil // the keeper starts it again; the wait itself ends with what is wrong
	}
	if reason := bootstrapFailure(machine.PID); reason != "" {
		return &BootstrapError{Machine: up.machine, Reason: reason}
	}
	return nil
}

// bootstrapFailure reads what the machine's agent says about bootstrap data that failed. The file is the machine's, so links in
// it must not lead out of the machine.
func bootstrapFailure(pid int) string {
	f, err := os.OpenInRoot(filepath.Join("/proc", fmt.Sprint(pid), "root"), bootstrapFailedFile)
	if err != nil {
		return "" // mostly because nothing has failed
	}
	defer f.Close()
	reason, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(reason))
}

// bootstrapFailedFile is where the agent says why bootstrap data failed, below the machine's root.
const bootstrapFailedFile = "run/slipway/bootstrap-failed"

// BootstrapError says that a machine could not become a node.
type BootstrapError struct{ Machine, Reason string }

func (e *BootstrapError) Error() string {
	return fmt.Sprintf("machine %q could not become a node: %s", e.Machine, e.Reason)
}

// Hint names the log.
func (e *BootstrapError) Hint() string { return "slipway logs " + e.Machine + " bootstrap" }

// WaitError says what a cluster did not do in time.
type WaitError struct {
	What, Machine string
	Last, Cause   error
}

func (e *WaitError) Error() string { return fmt.Sprintf("waiting for %s: %v", e.What, e.Last) }

func (e *WaitError) Unwrap() error { return e.Cause }

// Hint names the logs.
func (e *WaitError) Hint() string {
	return fmt.Sprintf("slipway logs %s kubelet, or run the same command again to go on waiting", e.Machine)
}

// awaitNode waits until the node takes pods.
func (up *bringUp) awaitNode(ctx context.Context, report plan.Reporter) error {
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	if err := addon.Wait(ctx, up.access.addons, up.nodeObject(), report); err != nil {
		return &WaitError{What: "the node to be Ready", Last: err, Machine: up.machine, Cause: context.Cause(ctx)}
	}
	if err := up.awaitKubelet(ctx); err != nil {
		return err
	}
	report.Became("Ready", "")
	return nil
}

// awaitKubelet waits until the kubelet has renewed its lease since a machine was started again: until then the node's
// status is from before. A kubelet that knows its node renews at once; there is no event for "later than", and 100 ms is little beside its start.
func (up *bringUp) awaitKubelet(ctx context.Context) error {
	if up.restarted.IsZero() {
		return nil
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var lease coordinationv1.Lease
		err := up.access.api.Get(ctx, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+up.machine, &lease)
		if err == nil && lease.Spec.RenewTime != nil && lease.Spec.RenewTime.After(up.restarted) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				err = errors.New("its kubelet has not reported since the machine was started")
			}
			return &WaitError{What: "the kubelet", Last: err, Machine: up.machine, Cause: context.Cause(ctx)}
		}
	}
}

func (up *bringUp) nodeObject() []*unstructured.Unstructured {
	node := &unstructured.Unstructured{}
	node.SetAPIVersion("v1")
	node.SetKind("Node")
	node.SetName(up.machine)
	return []*unstructured.Unstructured{node}
}
