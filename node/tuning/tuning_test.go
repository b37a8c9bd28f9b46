package tuning_test

import (
	"testing"

	"github.com/slipway-dev/slipway/host/hosttest"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/patch"
	"github.com/slipway-dev/slipway/node/tuning"
)

func TestWhatAUserSetStays(t *testing.T) {
	c := &kubeadm.ClusterConfiguration{}
	c.Scheduler.ExtraArgs = []kubeadm.Arg{{Name: "leader-elect", Value: "true"}}
	tuning.SingleControlPlane().Apply(c)
	if v, _ := kubeadm.Value(c.Scheduler.ExtraArgs, "leader-elect"); v != "true" || len(c.Scheduler.ExtraArgs) != 1 {
		t.Errorf("scheduler: %v", c.Scheduler.ExtraArgs)
	}
	if v, _ := kubeadm.Value(c.ControllerManager.ExtraArgs, "leader-elect"); v != "false" {
		t.Errorf("controller manager: %v", c.ControllerManager.ExtraArgs)
	}
	if v, _ := kubeadm.Value(c.Etcd.Local.ExtraArgs, "election-timeout"); v != "100" {
		t.Errorf("etcd: %v", c.Etcd.Local.ExtraArgs)
	}
}

func TestTheZeroValueChangesNothing(t *testing.T) {
	c := &kubeadm.ClusterConfiguration{}
	tuning.Tuning{}.Apply(c)
	if c.Etcd.Local != nil || c.Scheduler.ExtraArgs != nil || len(tuning.Tuning{}.Patches()) > 0 {
		t.Errorf("changed: %+v", c)
	}
}

func TestPatchesCanBeLoaded(t *testing.T) {
	h := hosttest.New()
	for name, data := range tuning.SingleControlPlane().Patches() {
		h.Put("/patches/"+name, string(data), 0o644)
	}
	set, ignored, err := patch.Load(h, "/patches")
	if err != nil || len(ignored) > 0 {
		t.Fatalf("ignored %v, %v", ignored, err)
	}
	for _, component := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if !set.Has(component) {
			t.Errorf("no patch for %s", component)
		}
	}
}
