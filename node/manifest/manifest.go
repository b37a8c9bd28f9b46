// Package manifest renders the static pods of a control plane node as kubeadm v1.36 lays them out. It is pure: the
// configuration and a few facts about the machine in, pods out. What a user wants otherwise comes through the
// configuration's extra arguments, volumes and environment, or through patches; nothing else is configurable.
package manifest

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// The components, by the names of their pods and files.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
)

// Directory is where the kubelet finds static pods.
const Directory = "/etc/kubernetes/manifests"

// Facts are what the pods take from the machine.
type Facts struct {
	// CADirectories are those of ExtraCADirectories that exist.
	CADirectories []string
	// Proxy is the environment of proxy settings to hand on.
	Proxy []kubeadm.EnvVar
	// ExternalCA says that the cluster authority's key is not on this machine, so that nothing here may sign with it.
	ExternalCA bool
}

// ExtraCADirectories are the directories that files in /etc/ssl/certs may point into, by distribution.
func ExtraCADirectories() []string {
	return []string{"/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"}
}

// Pods returns the static pods of a first control plane node: etcd, unless it is external, then the control plane.
func Pods(in *kubeadm.Init, f Facts) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	if in.Cluster.Etcd.Local != nil {
		pod, err := etcd(in)
		if err != nil {
			return nil, err
		}
		pods = append(pods, pod)
	}
	server, err := apiServer(in, f)
	if err != nil {
		return nil, err
	}
	return append(pods, server, controllerManager(in, f), scheduler(in, f)), nil
}

// Encode writes a pod as its manifest file.
func Encode(pod *corev1.Pod) ([]byte, error) {
	data, err := yaml.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("rendering the manifest of %q: %w", pod.Name, err)
	}
	return data, nil
}

// Path returns the manifest file of a component.
func Path(component string) string { return Directory + "/" + component + ".yaml" }

// nodeCritical is the priority of the class system-node-critical. Static pods carry it themselves, because the API
// server that knows the class is one of them.
const nodeCritical = 2000001000

// pod wraps a component's container.
func pod(c corev1.Container, annotations map[string]string, m mounts) *corev1.Pod {
	priority := int32(nodeCritical)
	c.ImagePullPolicy = corev1.PullIfNotPresent
	c.VolumeMounts = m.volumeMounts()
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        c.Name,
			Namespace:   metav1.NamespaceSystem,
			Labels:      map[string]string{"component": c.Name, "tier": "control-plane"},
			Annotations: annotations,
		},
		Spec: corev1.PodSpec{
			Containers:        []corev1.Container{c},
			HostNetwork:       true,
			Priority:          &priority,
			PriorityClassName: "system-node-critical",
			SecurityContext:   &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Volumes:           m.volumes(),
		},
	}
}

// environment merges variables, later ones over earlier ones, sorted by name.
func environment(lists ...[]kubeadm.EnvVar) []corev1.EnvVar {
	byName := map[string]corev1.EnvVar{}
	for _, v := range slices.Concat(lists...) {
		if v.ValueFrom != nil && v.ValueFrom.FieldRef != nil && v.ValueFrom.FieldRef.APIVersion == "" {
			v.EnvVar = *v.DeepCopy()
			v.ValueFrom.FieldRef.APIVersion = "v1"
		}
		byName[v.Name] = v.EnvVar
	}
	var env []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		env = append(env, byName[name])
	}
	return env
}
