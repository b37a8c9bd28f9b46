// Package kubeproxy renders kube-proxy, which makes Services reachable from each node, in its nftables mode. Names, labels and
// rules are those that kubeadm leaves, so that what knows a kubeadm cluster knows this one. It refuses the iptables and IPVS
// modes: the machine image has no iptables.
package kubeproxy

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Values are what differs between clusters.
type Values struct {
	// Image is the full name of the image, such as "registry.k8s.io/kube-proxy:v1.36.3".
	Image string
	// APIEndpoint is where the API is reached without Services, as a URL: "https://172.30.0.2:6443".
	APIEndpoint string
	// ClusterCIDR are the pods' addresses: one range, or two with a comma between them for both address families.
	ClusterCIDR string
	// TuneHost lets kube-proxy raise the kernel's limit of tracked connections. That limit is one for the whole kernel: leave it
	// alone where machines share a kernel, as system containers do.
	TuneHost bool
	// Config is a whole KubeProxyConfiguration document that takes the place of the one made from the fields above. It must ask
	// for mode nftables and name the kubeconfig /var/lib/kube-proxy/kubeconfig.conf. Empty means ours.
	Config []byte
}

const (
	name      = "kube-proxy"
	namespace = metav1.NamespaceSystem
	configKey = "config.conf" // kubeadm reads the configuration of a cluster under this name
	configDir = "/var/lib/kube-proxy"
)

// Render returns kube-proxy's objects.
func Render(v Values) ([]runtime.Object, error) {
	if err := v.validate(); err != nil {
		return nil, fmt.Errorf("kube-proxy: %w", err)
	}
	config, err := configMap(v)
	if err != nil {
		return nil, fmt.Errorf("kube-proxy: %w", err)
	}
	return []runtime.Object{serviceAccount(), nodeProxier(), configReader(), configReaders(), config, daemonSet(v)}, nil
}

func (v Values) validate() error {
	if v.Image == "" {
		return fmt.Errorf("the image is missing")
	}
	if u, err := url.Parse(v.APIEndpoint); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("the API endpoint %q is not a URL like https://172.30.0.2:6443", v.APIEndpoint)
	}
	for cidr := range strings.SplitSeq(v.ClusterCIDR, ",") {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return fmt.Errorf("the cluster's pod range %q is not a network like 10.244.0.0/16", cidr)
		}
	}
	return nil
}

func serviceAccount() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
	}
}

// nodeProxier lets kube-proxy watch Services and endpoints. The role is one of the API server's own.
func nodeProxier() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: "kubeadm:node-proxier"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:node-proxier"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
	}
}

// configReader and configReaders let a machine that joins read kube-proxy's configuration with its bootstrap token, which
// kubeadm's join does.
func configReader() *rbacv1.Role {
	return &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Rules:      []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{name}}},
	}
}

func configReaders() *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{
			APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:bootstrappers:kubeadm:default-node-token",
		}},
	}
}

// daemonSet runs kube-proxy on every node, whatever its taints. It is privileged because it sets sysctls of the node's network;
// unlike kubeadm's it mounts neither the iptables lock nor the kernel's modules, which the nftables mode has no use for.
func daemonSet(v Values) *appsv1.DaemonSet {
	labels := map[string]string{"k8s-app": name}
	return &appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "DaemonSet"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector:       &metav1.LabelSelector{MatchLabels: labels},
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					PriorityClassName:  "system-node-critical",
					ServiceAccountName: name,
					HostNetwork:        true,
					NodeSelector:       map[string]string{corev1.LabelOSStable: "linux"},
					Tolerations:        []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					Containers:         []corev1.Container{container(v)},
					Volumes: []corev1.Volume{{
						Name:         name,
						VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}},
					}},
				},
			},
		},
	}
}

func container(v Values) corev1.Container {
	return corev1.Container{
		Name:            name,
		Image:           v.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/usr/local/bin/kube-proxy", "--config=" + configDir + "/" + configKey, "--hostname-override=$(NODE_NAME)"},
		Env: []corev1.EnvVar{{
			Name: "NODE_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "spec.nodeName"}},
		}},
		SecurityContext: &corev1.SecurityContext{Privileged: new(true)},
		VolumeMounts:    []corev1.VolumeMount{{Name: name, MountPath: configDir}},
	}
}
