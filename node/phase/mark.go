package phase

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/plan"
)

// MarkControlPlane labels the node as one of the control plane and gives it the taints that the configuration asks for.
func MarkControlPlane() Phase {
	return Phase{Name: "mark-control-plane", Short: "Mark a node as a control-plane", Plan: func(w *World) ([]Step, error) {
		return []Step{{After: []string{APIAnswers}, Step: plan.Step{
			ID: "mark-control-plane", Title: "control plane labels", Object: w.Config.NodeRegistration.Name, Action: plan.Run,
			Reason: "a kubelet may not give them to itself",
			Run:    func(ctx context.Context, _ plan.Reporter) error { return w.markControlPlane(ctx) },
		}}}, nil
	}}
}

// markControlPlane waits for the kubelet to register the node, and for that reason as long as for the kubelet's health.
func (w *World) markControlPlane(ctx context.Context) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	update := func(ctx context.Context) error {
		return c.UpdateNode(ctx, w.Config.NodeRegistration.Name, func(n *corev1.Node) { mark(n, w.Config.NodeRegistration.Taints) })
	}
	if within := w.Options.RegisterWithin; within > 0 {
		err := w.poll(ctx, "the node's registration", &metav1.Duration{Duration: within}, update)
		if err == nil || !apiclient.IsNotFound(err) {
			return err
		}
		if err := w.restartKubelet(ctx); err != nil {
			return err
		}
	}
	return w.poll(ctx, "the node's registration", w.Config.Timeouts.KubeletHealthCheck, update)
}

func mark(n *corev1.Node, taints []corev1.Taint) {
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[kubeadm.ControlPlaneLabel] = ""
	n.Labels[kubeadm.NoBalancerLabel] = ""
	for _, t := range taints {
		if !slices.ContainsFunc(n.Spec.Taints, func(there corev1.Taint) bool { return there.MatchTaint(&t) && there.Value == t.Value }) {
			n.Spec.Taints = append(n.Spec.Taints, t)
		}
	}
}
