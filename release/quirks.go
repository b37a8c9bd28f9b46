package release

// The questions that depend on the Kubernetes version, by name. Each says since when, so that it can be deleted together
// with the last version for which the answer differs.

// KubeletConfigDropIns reports whether the kubelet merges a directory of drop-in files over its configuration (--config-dir):
// by default since 1.30, stable since 1.35.
func (v Version) KubeletConfigDropIns() bool { return v.atLeast(30) }

// FailsOnCgroupV1 reports whether the kubelet refuses to start on cgroup v1 unless failCgroupV1 is set to false: since 1.35.
func (v Version) FailsOnCgroupV1() bool { return v.atLeast(35) }

// AsksRuntimeForCgroupDriver reports whether the kubelet takes its cgroup driver from the container runtime and its own
// setting is a mere fallback: by default since 1.31, stable since 1.34.
func (v Version) AsksRuntimeForCgroupDriver() bool { return v.atLeast(31) }

// KubeletUsesLocalAPIServer reports whether the kubelet of a control-plane node talks to the API server beside it and not to
// the control plane's endpoint: by default since 1.33, always since 1.36.
func (v Version) KubeletUsesLocalAPIServer() bool { return v.atLeast(33) }

// EtcdJoinsAsLearner reports whether kubeadm adds etcd members as learners and promotes them: by default since 1.29, always
// since 1.36.
func (v Version) EtcdJoinsAsLearner() bool { return v.atLeast(29) }

// SeparatesSuperAdmin reports whether admin.conf is bound by RBAC and super-admin.conf holds the unbound credential: since 1.29.
func (v Version) SeparatesSuperAdmin() bool { return v.atLeast(29) }

// KubeadmV1Beta4 reports whether kubeadm reads kubeadm.k8s.io/v1beta4: since 1.31.
func (v Version) KubeadmV1Beta4() bool { return v.atLeast(31) }

// NeedsConntrackProgram reports whether kube-proxy calls the conntrack program: until 1.31.
func (v Version) NeedsConntrackProgram() bool { return !v.atLeast(32) }

// AuthorizationConfigV1 reports whether the API server reads apiserver.config.k8s.io/v1 AuthorizationConfiguration: since 1.32.
func (v Version) AuthorizationConfigV1() bool { return v.atLeast(32) }

// AuthenticationConfigV1 reports whether the API server reads apiserver.config.k8s.io/v1 AuthenticationConfiguration: since 1.34.
func (v Version) AuthenticationConfigV1() bool { return v.atLeast(34) }

// BindsKubeletClientByUser reports whether kubeadm grants the API server's kubelet client its rights by user name and no
// longer by a group in its certificate: since 1.36.1.
func (v Version) BindsKubeletClientByUser() bool {
	return v.Compare(Version{Major: 1, Minor: 36, Patch: 1}) >= 0
}
