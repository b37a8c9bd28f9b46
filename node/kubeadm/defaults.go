package kubeadm

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/pki"
)

// The defaults, kubeadm's own except for the algorithm of keys: see pki.ECDSAP256.
const (
	DefaultKubernetesVersion = "v1.36.3"
	DefaultCertificatesDir   = "/etc/kubernetes/pki"
	DefaultImageRepository   = "registry.k8s.io"
	DefaultServiceSubnet     = "10.96.0.0/12"
	DefaultDNSDomain         = "cluster.local"
	DefaultClusterName       = "kubernetes"
	DefaultEtcdDataDir       = "/var/lib/etcd"
	DefaultBindPort          = 6443
	DefaultCACertPath        = "/etc/kubernetes/pki/ca.crt"
	DefaultCRISocket         = socketScheme + "/var/run/containerd/containerd.sock"
	DefaultTokenTTL          = 24 * time.Hour

	socketScheme = "unix://"
)

// Names that control plane nodes and joining nodes are known by.
const (
	ControlPlaneLabel = "node-role.kubernetes.io/control-plane"
	NoBalancerLabel   = "node.kubernetes.io/exclude-from-external-load-balancers"
	JoinersGroup      = "system:bootstrappers:kubeadm:default-node-token"
)

// ControlPlaneTaint keeps ordinary pods off control plane nodes.
func ControlPlaneTaint() corev1.Taint {
	return corev1.Taint{Key: ControlPlaneLabel, Effect: corev1.TaintEffectNoSchedule}
}

func (c *InitConfiguration) setDefaults() {
	c.APIVersion, c.Kind = APIVersion, "InitConfiguration"
	c.BootstrapTokens = slices.Clone(c.BootstrapTokens)
	if len(c.BootstrapTokens) == 0 {
		c.BootstrapTokens = []BootstrapToken{{}}
	}
	for i := range c.BootstrapTokens {
		c.BootstrapTokens[i].SetDefaults()
	}
	setDefault(&c.LocalAPIEndpoint.BindPort, DefaultBindPort)
	c.NodeRegistration.setDefaults()
	t := Timeouts{}
	if c.Timeouts != nil {
		t = *c.Timeouts
	}
	t.setDefaults()
	c.Timeouts = &t
}

// SetDefaults fills in how long the token lives and what it may be used for.
func (t *BootstrapToken) SetDefaults() {
	if t.TTL == nil && t.Expires == nil {
		t.TTL = &metav1.Duration{Duration: DefaultTokenTTL}
	}
	if len(t.Usages) == 0 {
		t.Usages = []string{"signing", "authentication"}
	}
	if len(t.Groups) == 0 {
		t.Groups = []string{JoinersGroup}
	}
}

func (n *NodeRegistrationOptions) setDefaults() {
	setDefault(&n.ImagePullPolicy, corev1.PullIfNotPresent)
	if n.ImagePullSerial == nil {
		serial := true
		n.ImagePullSerial = &serial
	}
}

func (c *ClusterConfiguration) setDefaults(version string) {
	c.APIVersion, c.Kind = APIVersion, "ClusterConfiguration"
	if version == "" {
		version = DefaultKubernetesVersion
	}
	if isChannel(c.KubernetesVersion) {
		c.KubernetesVersion = version
	}
	setDefault(&c.Networking.ServiceSubnet, DefaultServiceSubnet)
	setDefault(&c.Networking.DNSDomain, DefaultDNSDomain)
	setDefault(&c.CertificatesDir, DefaultCertificatesDir)
	setDefault(&c.ImageRepository, DefaultImageRepository)
	setDefault(&c.ClusterName, DefaultClusterName)
	setDefault(&c.EncryptionAlgorithm, pki.ECDSAP256)
	setDuration(&c.CertificateValidityPeriod, pki.DefaultLifetime)
	setDuration(&c.CACertificateValidityPeriod, pki.DefaultAuthorityLifetime)
	c.Etcd.setDefaults()
}

func (e *Etcd) setDefaults() {
	switch {
	case e.Local == nil && e.External == nil:
		e.Local = &LocalEtcd{DataDir: DefaultEtcdDataDir}
	case e.Local != nil:
		local := *e.Local
		setDefault(&local.DataDir, DefaultEtcdDataDir)
		e.Local = &local
	}
	if e.External != nil && len(e.External.HTTPEndpoints) == 0 {
		external := *e.External
		external.HTTPEndpoints = slices.Clone(external.Endpoints)
		e.External = &external
	}
}

// isChannel reports whether a version is open, or names one of the Internet's moving targets, which cannot be looked up
// without a network and would make the same file mean another thing tomorrow.
func isChannel(v string) bool {
	switch v {
	case "", "stable", "stable-1", "stable-1.36", "latest-1.36":
		return true
	}
	return false
}

func (t *Timeouts) setDefaults() {
	setDuration(&t.ControlPlaneComponentHealthCheck, 4*time.Minute)
	setDuration(&t.KubeletHealthCheck, 4*time.Minute)
	setDuration(&t.KubernetesAPICall, time.Minute)
	setDuration(&t.EtcdAPICall, 2*time.Minute)
	setDuration(&t.TLSBootstrap, 5*time.Minute)
	setDuration(&t.Discovery, 5*time.Minute)
	setDuration(&t.UpgradeManifests, 5*time.Minute)
}

func setDefault[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}

func setDuration(field **metav1.Duration, value time.Duration) {
	if *field == nil {
		*field = &metav1.Duration{Duration: value}
	}
}
