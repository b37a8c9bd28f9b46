// Package flannel renders flannel, which connects the pods of all nodes. Names and rules are upstream's. Its pod is smaller: our
// flanneld writes the CNI configuration itself, once pods can be connected, so there are no init containers that copy files, and
// the firewall is nftables. It refuses the backends that need anything besides the kernel.
package flannel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Backend is how packets travel between nodes.
type Backend string

// The backends. HostGW routes and needs all nodes on one link; VXLAN wraps packets and does not.
const (
	HostGW Backend = "host-gw"
	VXLAN  Backend = "vxlan"
)

// Values are what differs between clusters.
type Values struct {
	// Image is the full name of the image, such as "ghcr.io/flannel-io/flannel:v0.28.10".
	Image string
	// ClusterCIDR are the pods' IPv4 addresses, of which each node gets a part.
	ClusterCIDR string
	// ClusterCIDRv6 are the pods' IPv6 addresses; empty means that they have none.
	ClusterCIDRv6 string
	// Backend is how packets travel; empty means VXLAN, which works everywhere.
	Backend Backend
	// Interface is the one (name or address) that leads to the other nodes; empty means that of the default route.
	Interface string
	// APIEndpoint is where the API is reached without Services, as a URL. Empty means through the kubernetes Service: then
	// flannel, and with it the node, is ready only after kube-proxy.
	APIEndpoint string
}

const (
	name      = "flannel"
	namespace = "kube-flannel"
	config    = "kube-flannel-cfg"
	configKey = "net-conf.json"
	configDir = "/etc/kube-flannel"
	cniDir    = "/etc/cni/net.d"
	runDir    = "/run/flannel"
)

// Render returns flannel's objects.
func Render(v Values) ([]runtime.Object, error) {
	if v.Backend == "" {
		v.Backend = VXLAN
	}
	env, err := v.validate()
	if err != nil {
		return nil, fmt.Errorf("flannel: %w", err)
	}
	cm, err := configMap(v)
	if err != nil {
		return nil, fmt.Errorf("flannel: %w", err)
	}
	return []runtime.Object{ownNamespace(), serviceAccount(), clusterRole(), clusterRoleBinding(), cm, daemonSet(v, env, cm)}, nil
}

// validate returns where flannel finds the API, for its environment.
func (v Values) validate() ([]corev1.EnvVar, error) {
	if v.Image == "" {
		return nil, fmt.Errorf("the image is missing")
	}
	if p, err := netip.ParsePrefix(v.ClusterCIDR); err != nil || !p.Addr().Is4() {
		return nil, fmt.Errorf("the cluster's pod range %q is not an IPv4 network like 10.244.0.0/16", v.ClusterCIDR)
	}
	if p, err := netip.ParsePrefix(v.ClusterCIDRv6); v.ClusterCIDRv6 != "" && (err != nil || !p.Addr().Is6()) {
		return nil, fmt.Errorf("the cluster's pod range %q is not an IPv6 network like fd00:10:244::/56", v.ClusterCIDRv6)
	}
	if v.Backend != HostGW && v.Backend != VXLAN {
		return nil, fmt.Errorf("there is no backend %q, only %q and %q", v.Backend, HostGW, VXLAN)
	}
	if v.APIEndpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(v.APIEndpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("the API endpoint %q is not a URL like https://172.30.0.2:6443", v.APIEndpoint)
	}
	// Where a client inside a pod looks for the API; what is set here wins over the Service's address.
	return []corev1.EnvVar{{Name: "KUBERNETES_SERVICE_HOST", Value: u.Hostname()}, {Name: "KUBERNETES_SERVICE_PORT", Value: u.Port()}}, nil
}

func labels() map[string]string { return map[string]string{"k8s-app": name} }

// ownNamespace is upstream's. Pods there use the node's network, which only the privileged level allows.
func ownNamespace() *corev1.Namespace {
	l := labels()
	l["pod-security.kubernetes.io/enforce"] = "privileged"
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: l},
	}
}

func serviceAccount() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels()},
	}
}

// clusterRole lets flannel follow the nodes' leases, which are annotations, and write its own. Upstream's also reads pods, to
// find the node's name; ours is told it.
func clusterRole() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels()},
		Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{""}, Resources: []string{"nodes"}},
			{Verbs: []string{"patch"}, APIGroups: []string{""}, Resources: []string{"nodes/status"}},
		},
	}
}

func clusterRoleBinding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels()},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
	}
}

// network is flannel's own configuration file.
type network struct {
	Network        string  `json:"Network"`
	EnableIPv6     bool    `json:"EnableIPv6,omitempty"`
	IPv6Network    string  `json:"IPv6Network,omitempty"`
	EnableNFTables bool    `json:"EnableNFTables"`
	Backend        backend `json:"Backend"`
}

type backend struct {
	Type Backend `json:"Type"`
}

func configMap(v Values) (*corev1.ConfigMap, error) {
	n := network{
		Network: v.ClusterCIDR, EnableIPv6: v.ClusterCIDRv6 != "", IPv6Network: v.ClusterCIDRv6,
		EnableNFTables: true, Backend: backend{Type: v.Backend},
	}
	text, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing its configuration: %w", err)
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: config, Namespace: namespace, Labels: daemonLabels()},
		Data:       map[string]string{configKey: string(text) + "\n"},
	}, nil
}

// daemonLabels are what upstream's DaemonSet is known by.
func daemonLabels() map[string]string {
	return map[string]string{"app": name, "k8s-app": name, "tier": "node"}
}

// configDigest is on the pods so that a change of the configuration, which flannel reads once, replaces them.
const configDigest = "addons.slipway.dev/config-digest"

func daemonSet(v Values, env []corev1.EnvVar, cm *corev1.ConfigMap) *appsv1.DaemonSet {
	digest := sha256.Sum256([]byte(cm.Data[configKey]))
	return &appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "DaemonSet"},
		ObjectMeta: metav1.ObjectMeta{Name: "kube-flannel-ds", Namespace: namespace, Labels: daemonLabels()},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels:      map[string]string{"app": name, "tier": "node"},
					Annotations: map[string]string{configDigest: hex.EncodeToString(digest[:8])},
				},
				Spec: pod(v, env),
			},
		},
	}
}
