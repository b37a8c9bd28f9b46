package config

import (
	"fmt"
	"path"

	kubelet "k8s.io/kubelet/config/v1beta1"
)

// The kubelet's configuration document.
const (
	KubeletKind       = "KubeletConfiguration"
	KubeletAPIVersion = "kubelet.config.k8s.io/v1beta1"
)

// What kubeadm expects of every kubelet.
const (
	StaticPodPath      = "/etc/kubernetes/manifests"
	KubeletHealthzHost = "127.0.0.1"
	KubeletHealthzPort = 10248
	// SystemdResolvConf lists the servers that systemd-resolved forwards to; its stub address would loop inside pods.
	SystemdResolvConf = "/run/systemd/resolve/resolv.conf"
)

// KubeletFacts are what a kubelet's defaults depend on.
type KubeletFacts struct {
	ClusterDNS      string
	ClusterDomain   string
	CertificatesDir string
}

// DecodeKubelet reads a KubeletConfiguration document strictly.
func DecodeKubelet(document []byte) (*kubelet.KubeletConfiguration, error) {
	c := &kubelet.KubeletConfiguration{}
	if err := Decode(document, c); err != nil {
		return nil, fmt.Errorf("%s: %w", KubeletKind, err)
	}
	return c, nil
}

// DefaultKubelet lays what kubeadm writes under what c has, and returns advice on values that do not fit the cluster.
func DefaultKubelet(c *kubelet.KubeletConfiguration, f KubeletFacts) []Note {
	n := &notes{kind: KubeletKind}
	c.Kind, c.APIVersion = KubeletKind, KubeletAPIVersion
	if c.FeatureGates == nil {
		c.FeatureGates = map[string]bool{}
	}
	fill(n, "staticPodPath", &c.StaticPodPath, StaticPodPath)
	fillList(n, "clusterDNS", &c.ClusterDNS, []string{f.ClusterDNS})
	fill(n, "clusterDomain", &c.ClusterDomain, f.ClusterDomain)
	fill(n, "authentication.x509.clientCAFile", &c.Authentication.X509.ClientCAFile, path.Join(f.CertificatesDir, "ca.crt"))
	fillPointer(n, "authentication.anonymous.enabled", &c.Authentication.Anonymous.Enabled, false)
	fillPointer(n, "authentication.webhook.enabled", &c.Authentication.Webhook.Enabled, true)
	fill(n, "authorization.mode", &c.Authorization.Mode, kubelet.KubeletAuthorizationModeWebhook)
	fill(n, "healthzBindAddress", &c.HealthzBindAddress, KubeletHealthzHost)
	fillPointer(n, "healthzPort", &c.HealthzPort, int32(KubeletHealthzPort))
	if c.ReadOnlyPort != 0 {
		n.list = append(n.list, Note{KubeletKind, "readOnlyPort", 0, c.ReadOnlyPort})
	}
	c.RotateCertificates = true // absent and false look alike in this type, and a cluster must be able to go on for years
	if c.CgroupDriver == "" {
		c.CgroupDriver = "systemd"
	}
	return n.list
}
