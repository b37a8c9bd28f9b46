package flannel

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// healthPort is upstream's. It is served on the loopback address only: the kubelet is who asks.
const healthPort = 8081

// pod runs on every node, whatever its taints: without flannel no other pod can start there.
func pod(v Values, env []corev1.EnvVar) corev1.PodSpec {
	return corev1.PodSpec{
		PriorityClassName:  "system-node-critical",
		ServiceAccountName: name,
		HostNetwork:        true,
		NodeSelector:       map[string]string{corev1.LabelOSStable: "linux"},
		Tolerations:        []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		Containers:         []corev1.Container{container(v, env)},
		Volumes: []corev1.Volume{
			hostDirectory("cni", cniDir),
			hostDirectory("run", runDir),
			{Name: "flannel-cfg", VolumeSource: corev1.VolumeSource{
				ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: config}},
			}},
		},
	}
}

func hostDirectory(name, path string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: path, Type: new(corev1.HostPathDirectoryOrCreate)},
	}}
}

func container(v Values, env []corev1.EnvVar) corev1.Container {
	return corev1.Container{
		Name:            "kube-flannel",
		Image:           v.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/opt/bin/flanneld"},
		Args:            arguments(v),
		Env: append([]corev1.EnvVar{
			fromField("NODE_NAME", "spec.nodeName"),
			fromField("POD_NAME", "metadata.name"),
			fromField("POD_NAMESPACE", "metadata.namespace"),
		}, env...),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("50Mi")},
		},
		// Asked every second until pods can be connected, and rarely after that. 120 s are more than a slow machine takes.
		StartupProbe:  &corev1.Probe{ProbeHandler: get("/readyz"), PeriodSeconds: 1, FailureThreshold: 120},
		LivenessProbe: &corev1.Probe{ProbeHandler: get("/healthz"), PeriodSeconds: 30, TimeoutSeconds: 5, FailureThreshold: 3},
		SecurityContext: &corev1.SecurityContext{
			Privileged:   new(false),
			Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN", "NET_RAW"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "cni", MountPath: cniDir},
			{Name: "run", MountPath: runDir},
			{Name: "flannel-cfg", MountPath: configDir, ReadOnly: true},
		},
	}
}

func arguments(v Values) []string {
	args := []string{
		"--kube-subnet-mgr",
		"--ip-masq",
		"--net-config-path=" + configDir + "/" + configKey,
		"--cni-conf=" + cniDir + "/10-flannel.conflist",
		"--healthz-ip=127.0.0.1",
		fmt.Sprintf("--healthz-port=%d", healthPort),
	}
	if v.Interface != "" {
		args = append(args, "--iface="+v.Interface)
	}
	return args
}

func fromField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
}

func get(path string) corev1.ProbeHandler {
	return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
		Host: "127.0.0.1", Path: path, Port: intstr.FromInt32(healthPort), Scheme: corev1.URISchemeHTTP,
	}}
}
