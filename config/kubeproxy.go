package config

import (
	"fmt"

	kubeproxy "k8s.io/kube-proxy/config/v1alpha1"
)

// kube-proxy's configuration document.
const (
	KubeProxyKind       = "KubeProxyConfiguration"
	KubeProxyAPIVersion = "kubeproxy.config.k8s.io/v1alpha1"
	// KubeProxyKubeconfig is where kube-proxy's pods have their kubeconfig mounted.
	KubeProxyKubeconfig = "/var/lib/kube-proxy/kubeconfig.conf"
)

// KubeProxyFacts are what kube-proxy's defaults depend on.
type KubeProxyFacts struct {
	PodSubnet string
	// IPv6 says that the control plane's address is one.
	IPv6 bool
}

// DecodeKubeProxy reads a KubeProxyConfiguration document strictly.
func DecodeKubeProxy(document []byte) (*kubeproxy.KubeProxyConfiguration, error) {
	c := &kubeproxy.KubeProxyConfiguration{}
	if err := Decode(document, c); err != nil {
		return nil, fmt.Errorf("%s: %w", KubeProxyKind, err)
	}
	return c, nil
}

// DefaultKubeProxy lays what kubeadm writes under what c has, and returns advice on values that do not fit the cluster.
func DefaultKubeProxy(c *kubeproxy.KubeProxyConfiguration, f KubeProxyFacts) []Note {
	n := &notes{kind: KubeProxyKind}
	c.Kind, c.APIVersion = KubeProxyKind, KubeProxyAPIVersion
	if c.FeatureGates == nil {
		c.FeatureGates = map[string]bool{}
	}
	bind := "0.0.0.0"
	if f.IPv6 {
		bind = "::"
	}
	fill(n, "bindAddress", &c.BindAddress, bind)
	if f.PodSubnet != "" {
		fill(n, "clusterCIDR", &c.ClusterCIDR, f.PodSubnet)
	}
	fill(n, "clientConnection.kubeconfig", &c.ClientConnection.Kubeconfig, KubeProxyKubeconfig)
	return n.list
}
