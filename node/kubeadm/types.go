// Package kubeadm reads kubeadm's configuration files, API version kubeadm.k8s.io/v1beta4: the types, strict loading,
// defaults, validation and rendering. It refuses fields and kinds it does not know by name; it changes nothing and asks no
// machine for anything: what depends on the machine comes in as Facts.
package kubeadm

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/pki"
)

// APIVersion is the version of kubeadm's configuration that is read and written.
const APIVersion = "kubeadm.k8s.io/v1beta4"

// InitConfiguration is about the first control plane node alone. It is never stored in the cluster.
type InitConfiguration struct {
	metav1.TypeMeta `json:",inline"`

	// BootstrapTokens are made at init; one with a random value when the list is empty.
	BootstrapTokens  []BootstrapToken        `json:"bootstrapTokens,omitempty"`
	DryRun           bool                    `json:"dryRun,omitempty"`
	NodeRegistration NodeRegistrationOptions `json:"nodeRegistration,omitempty"`
	LocalAPIEndpoint APIEndpoint             `json:"localAPIEndpoint,omitempty"`
	// CertificateKey encrypts uploaded certificates: 32 bytes in hexadecimal.
	CertificateKey string    `json:"certificateKey,omitempty"`
	SkipPhases     []string  `json:"skipPhases,omitempty"`
	Patches        *Patches  `json:"patches,omitempty"`
	Timeouts       *Timeouts `json:"timeouts,omitempty"`
}

// ClusterConfiguration is about the whole cluster and is kept in it, as the ConfigMap kubeadm-config.
type ClusterConfiguration struct {
	metav1.TypeMeta `json:",inline"`

	Etcd       Etcd       `json:"etcd,omitempty"`
	Networking Networking `json:"networking,omitempty"`
	// KubernetesVersion such as v1.36.3.
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// ControlPlaneEndpoint is the address of the control plane as a whole, host or host:port.
	ControlPlaneEndpoint string                `json:"controlPlaneEndpoint,omitempty"`
	APIServer            APIServer             `json:"apiServer,omitempty"`
	ControllerManager    ControlPlaneComponent `json:"controllerManager,omitempty"`
	Scheduler            ControlPlaneComponent `json:"scheduler,omitempty"`
	DNS                  DNS                   `json:"dns,omitempty"`
	Proxy                Proxy                 `json:"proxy,omitempty"`
	CertificatesDir      string                `json:"certificatesDir,omitempty"`
	ImageRepository      string                `json:"imageRepository,omitempty"`
	FeatureGates         map[string]bool       `json:"featureGates,omitempty"`
	ClusterName          string                `json:"clusterName,omitempty"`
	// EncryptionAlgorithm is the kind of keys to make; ECDSA-P256 unless said otherwise.
	EncryptionAlgorithm         pki.Algorithm    `json:"encryptionAlgorithm,omitempty"`
	CertificateValidityPeriod   *metav1.Duration `json:"certificateValidityPeriod,omitempty"`
	CACertificateValidityPeriod *metav1.Duration `json:"caCertificateValidityPeriod,omitempty"`
}

// ControlPlaneComponent is what can be said about any of them.
type ControlPlaneComponent struct {
	// ExtraArgs go last on the command line; one of a name replaces all default ones of that name.
	ExtraArgs    []Arg           `json:"extraArgs,omitempty"`
	ExtraVolumes []HostPathMount `json:"extraVolumes,omitempty"`
	ExtraEnvs    []EnvVar        `json:"extraEnvs,omitempty"`
}

// APIServer is about the API server.
type APIServer struct {
	ControlPlaneComponent `json:",inline"`

	// CertSANs are further names and addresses for its certificate.
	CertSANs []string `json:"certSANs,omitempty"`
}

// DNS is about the DNS addon.
type DNS struct {
	ImageMeta `json:",inline"`

	Disabled bool `json:"disabled,omitempty"`
}

// Proxy is about the kube-proxy addon.
type Proxy struct {
	Disabled bool `json:"disabled,omitempty"`
}

// ImageMeta says where an image comes from when not from the usual place.
type ImageMeta struct {
	ImageRepository string `json:"imageRepository,omitempty"`
	ImageTag        string `json:"imageTag,omitempty"`
}

// APIEndpoint is where the API server of one node is reached.
type APIEndpoint struct {
	AdvertiseAddress string `json:"advertiseAddress,omitempty"`
	BindPort         int32  `json:"bindPort,omitempty"`
}

// NodeRegistrationOptions are about the node and its kubelet.
type NodeRegistrationOptions struct {
	Name string `json:"name,omitempty"`
	// CRISocket is the container runtime's, such as unix:///run/containerd/containerd.sock.
	CRISocket string `json:"criSocket,omitempty"`
	// Taints of the node; nil means the control plane's usual one, an empty list none.
	Taints                []corev1.Taint    `json:"taints"`
	KubeletExtraArgs      []Arg             `json:"kubeletExtraArgs,omitempty"`
	IgnorePreflightErrors []string          `json:"ignorePreflightErrors,omitempty"`
	ImagePullPolicy       corev1.PullPolicy `json:"imagePullPolicy,omitempty"`
	ImagePullSerial       *bool             `json:"imagePullSerial,omitempty"`
}

// Networking is the cluster's network.
type Networking struct {
	ServiceSubnet string `json:"serviceSubnet,omitempty"`
	PodSubnet     string `json:"podSubnet,omitempty"`
	DNSDomain     string `json:"dnsDomain,omitempty"`
}

// Etcd is where the cluster's data is: exactly one of its fields is set.
type Etcd struct {
	Local    *LocalEtcd    `json:"local,omitempty"`
	External *ExternalEtcd `json:"external,omitempty"`
}

// LocalEtcd is an etcd member on each control plane node.
type LocalEtcd struct {
	ImageMeta `json:",inline"`

	DataDir        string   `json:"dataDir"`
	ExtraArgs      []Arg    `json:"extraArgs,omitempty"`
	ExtraEnvs      []EnvVar `json:"extraEnvs,omitempty"`
	ServerCertSANs []string `json:"serverCertSANs,omitempty"`
	PeerCertSANs   []string `json:"peerCertSANs,omitempty"`
}

// ExternalEtcd is an etcd cluster that somebody else looks after.
type ExternalEtcd struct {
	Endpoints     []string `json:"endpoints"`
	HTTPEndpoints []string `json:"httpEndpoints,omitempty"`
	CAFile        string   `json:"caFile"`
	CertFile      string   `json:"certFile"`
	KeyFile       string   `json:"keyFile"`
}

// JoinConfiguration is about a node that joins a cluster.
type JoinConfiguration struct {
	metav1.TypeMeta `json:",inline"`

	DryRun           bool                    `json:"dryRun,omitempty"`
	NodeRegistration NodeRegistrationOptions `json:"nodeRegistration,omitempty"`
	CACertPath       string                  `json:"caCertPath,omitempty"`
	Discovery        Discovery               `json:"discovery"`
	ControlPlane     *JoinControlPlane       `json:"controlPlane,omitempty"`
	SkipPhases       []string                `json:"skipPhases,omitempty"`
	Patches          *Patches                `json:"patches,omitempty"`
	Timeouts         *Timeouts               `json:"timeouts,omitempty"`
}

// JoinControlPlane makes the joining node a control plane node.
type JoinControlPlane struct {
	LocalAPIEndpoint APIEndpoint `json:"localAPIEndpoint,omitempty"`
	CertificateKey   string      `json:"certificateKey,omitempty"`
}

// Discovery is how a joining node finds and recognises the cluster.
type Discovery struct {
	BootstrapToken    *BootstrapTokenDiscovery `json:"bootstrapToken,omitempty"`
	File              *FileDiscovery           `json:"file,omitempty"`
	TLSBootstrapToken string                   `json:"tlsBootstrapToken,omitempty"`
}

// BootstrapTokenDiscovery recognises the cluster by a shared token and pins of its authority's public key.
type BootstrapTokenDiscovery struct {
	Token                    string   `json:"token"`
	APIServerEndpoint        string   `json:"apiServerEndpoint,omitempty"`
	CACertHashes             []string `json:"caCertHashes,omitempty"`
	UnsafeSkipCAVerification bool     `json:"unsafeSkipCAVerification,omitempty"`
}

// FileDiscovery recognises the cluster by a kubeconfig.
type FileDiscovery struct {
	KubeConfigPath string `json:"kubeConfigPath"`
}

// HostPathMount is a directory or file of the machine in a control plane pod.
type HostPathMount struct {
	Name      string              `json:"name"`
	HostPath  string              `json:"hostPath"`
	MountPath string              `json:"mountPath"`
	ReadOnly  bool                `json:"readOnly,omitempty"`
	PathType  corev1.HostPathType `json:"pathType,omitempty"`
}

// Patches names the directory of files that change what is written for this node.
type Patches struct {
	Directory string `json:"directory,omitempty"`
}

// Arg is one command line argument, --name=value.
type Arg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// EnvVar is an environment variable of a control plane component.
type EnvVar struct {
	corev1.EnvVar `json:",inline"`
}

// Timeouts bound the waits.
type Timeouts struct {
	ControlPlaneComponentHealthCheck *metav1.Duration `json:"controlPlaneComponentHealthCheck,omitempty"`
	KubeletHealthCheck               *metav1.Duration `json:"kubeletHealthCheck,omitempty"`
	KubernetesAPICall                *metav1.Duration `json:"kubernetesAPICall,omitempty"`
	EtcdAPICall                      *metav1.Duration `json:"etcdAPICall,omitempty"`
	TLSBootstrap                     *metav1.Duration `json:"tlsBootstrap,omitempty"`
	Discovery                        *metav1.Duration `json:"discovery,omitempty"`
	UpgradeManifests                 *metav1.Duration `json:"upgradeManifests,omitempty"`
}
