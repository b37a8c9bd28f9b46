package cluster

import (
	"maps"
	"slices"
)

// patches are changes to static pods for which kubeadm's configuration has no field, in its own way of naming them. A
// kubelet on a small machine spends much of its idle time probing: kubeadm asks for readiness every second, which on a
// single control plane only decides what a status shows. Liveness stays as it is; starting is watched more closely, so
// that the pods become Ready within seconds.
var patches = map[string]string{
	"etcd0+strategic.yaml":                    probes("etcd"),
	"kube-apiserver0+strategic.yaml":          probes("kube-apiserver"),
	"kube-controller-manager0+strategic.yaml": startup("kube-controller-manager"),
	"kube-scheduler0+strategic.yaml":          probes("kube-scheduler"),
}

func patchNames() []string { return slices.Sorted(maps.Keys(patches)) }

func probes(container string) string {
	return startup(container) + "    readinessProbe:\n      periodSeconds: 15\n"
}

// startup allows 240 tries: 4 minutes, as kubeadm does.
func startup(container string) string {
	return "spec:\n  containers:\n  - name: " + container + "\n" +
		"    livenessProbe:\n      periodSeconds: 20\n      failureThreshold: 4\n" + // 80 s until a restart, as kubeadm's 8 × 10 s
		"    startupProbe:\n      initialDelaySeconds: 1\n      periodSeconds: 1\n      failureThreshold: 240\n"
}
