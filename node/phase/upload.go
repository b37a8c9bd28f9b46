package phase

import (
	"context"
	"crypto/sha256"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/plan"
)

// hashAnnotation marks a component's configuration that is as generated, so that upgrades may generate it anew.
const hashAnnotation = "kubeadm.kubernetes.io/component-config.hash"

// ClusterAdmins gives the administrators' group its rights. kubeadm does it on the way, under no phase of its own.
func ClusterAdmins() Phase {
	return Phase{Name: "cluster-admins", Short: "Give the administrators' group its rights", Plan: func(w *World) ([]Step, error) {
		const name = "kubeadm:cluster-admins"
		return []Step{w.objectStep("cluster-admins", "administrators", func() ([]apiclient.Object, error) {
			return []apiclient.Object{bind(name, "cluster-admin", group(name))}, nil
		})}, nil
	}}
}

// UploadConfig keeps the configuration of the cluster and of its kubelets in the cluster.
func UploadConfig() Phase {
	return Phase{Name: "upload-config", Short: "Upload the kubeadm and kubelet configuration to ConfigMaps", Plan: func(w *World) ([]Step, error) {
		return []Step{
			w.objectStep("upload-config/kubeadm", "cluster configuration", w.kubeadmConfig),
			w.objectStep("upload-config/kubelet", "kubelets' configuration", w.kubeletConfigMap),
		}, nil
	}}
}

func (w *World) kubeadmConfig() ([]apiclient.Object, error) {
	data, err := w.Config.Cluster.Render()
	if err != nil {
		return nil, err
	}
	rules := readable("kubeadm:nodes-kubeadm-config", metav1.NamespaceSystem, "configmaps", "kubeadm-config", group(kubeadm.JoinersGroup), group(nodesGroup))
	return append(rules, configMap(metav1.NamespaceSystem, "kubeadm-config", "ClusterConfiguration", data)), nil
}

func (w *World) kubeletConfigMap() ([]apiclient.Object, error) {
	data := w.rendered.shared
	m := configMap(metav1.NamespaceSystem, "kubelet-config", "kubelet", data)
	if !w.Config.KubeletGiven {
		m.Annotations = map[string]string{hashAnnotation: fmt.Sprintf("sha256:%x", sha256.Sum256(data))}
	}
	rules := readable("kubeadm:kubelet-config", metav1.NamespaceSystem, "configmaps", "kubelet-config", group(nodesGroup), group(kubeadm.JoinersGroup))
	return append(rules, m), nil
}

func configMap(namespace, name, key string, data []byte) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string]string{key: string(data)},
	}
}

// objectStep writes objects when the API server answers.
func (w *World) objectStep(id, title string, objects func() ([]apiclient.Object, error)) Step {
	return Step{After: []string{APIAnswers}, Step: plan.Step{
		ID: id, Title: title, Action: plan.Run, Reason: "the cluster must have it",
		Run: func(ctx context.Context, _ plan.Reporter) error {
			list, err := objects()
			if err != nil {
				return err
			}
			return w.ensure(ctx, list...)
		},
	}}
}

// ensure writes objects one after the other; each is left alone when it is as it should be.
func (w *World) ensure(ctx context.Context, objects ...apiclient.Object) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := w.persist(ctx, func(ctx context.Context) error { return c.Ensure(ctx, o) }); err != nil {
			return err
		}
	}
	return nil
}
