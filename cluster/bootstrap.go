package cluster

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubelet "k8s.io/kubelet/config/v1beta1"

	"github.com/slipway-dev/slipway/config"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/tuning"
	"github.com/slipway-dev/slipway/release"
)

// The ranges of every cluster: clusters have networks of their own, so all can have the same.
const (
	podSubnet     = "10.244.0.0/16"
	serviceSubnet = "10.96.0.0/12"
	dnsDomain     = "cluster.local"
	apiPort       = 6443
)

// Where the bootstrap data puts things in a machine: the paths that Cluster API's kubeadm bootstrap provider uses.
const (
	certificatesDir  = "/etc/kubernetes/pki"
	kubeadmConfig    = "/run/kubeadm/kubeadm.yaml"
	patchesDir       = "/etc/kubernetes/patches"
	containerdSocket = "unix:///run/containerd/containerd.sock"
)

// firstMachine is what the bootstrap data of a cluster's first control plane machine depends on.
type firstMachine struct {
	Cluster  string
	Machine  string
	Address  netip.Addr
	Endpoint netip.Addr // where the control plane as a whole is reached from inside
	Release  release.Release
	Host     hostFacts
}

// hostFacts are what the kubelet must know of the kernel that all machines of this host share.
type hostFacts struct {
	CgroupV1 bool
	// MayRaisePriority says whether processes may be protected from the kernel's out-of-memory killer (CAP_SYS_RESOURCE).
	MayRaisePriority bool
}

// cloudFile is one entry of write_files.
type cloudFile struct {
	Path        string `json:"path"`
	Owner       string `json:"owner"`
	Permissions string `json:"permissions"`
	Encoding    string `json:"encoding,omitempty"`
	Content     string `json:"content"`
}

// userData renders the cloud-config that makes a machine the first control plane node. It holds the keys of the cluster.
func (m firstMachine) userData(a authorities) ([]byte, error) {
	documents, err := m.kubeadmDocuments()
	if err != nil {
		return nil, err
	}
	var files []cloudFile
	for _, f := range a.files {
		files = append(files, cloudFile{
			Path: path.Join(certificatesDir, f.path), Owner: "root:root", Permissions: fmt.Sprintf("%04o", f.mode),
			Encoding: "base64", Content: base64.StdEncoding.EncodeToString(f.data),
		})
	}
	patches := tuned().Patches()
	for _, name := range slices.Sorted(maps.Keys(patches)) {
		files = append(files, cloudFile{Path: path.Join(patchesDir, name), Owner: "root:root", Permissions: "0644", Content: string(patches[name])})
	}
	files = append(files, cloudFile{Path: kubeadmConfig, Owner: "root:root", Permissions: "0600", Content: string(documents)})
	body, err := config.Render(map[string]any{
		"write_files": files,
		"runcmd":      []string{"kubeadm init --config " + kubeadmConfig + " --controllers-later"},
	})
	if err != nil {
		return nil, err
	}
	return append([]byte("#cloud-config\n"), body...), nil
}

// kubeadmDocuments renders the configuration that `kubeadm init` reads.
func (m firstMachine) kubeadmDocuments() ([]byte, error) {
	var all [][]byte
	for _, object := range []any{m.initConfiguration(), m.clusterConfiguration(), m.kubeletConfiguration()} {
		document, err := config.Render(object)
		if err != nil {
			return nil, err
		}
		all = append(all, document)
	}
	return bytes.Join(all, []byte("---\n")), nil
}

func (m firstMachine) initConfiguration() kubeadm.InitConfiguration {
	return kubeadm.InitConfiguration{
		TypeMeta:         metav1.TypeMeta{APIVersion: kubeadm.APIVersion, Kind: "InitConfiguration"},
		LocalAPIEndpoint: kubeadm.APIEndpoint{AdvertiseAddress: m.Address.String(), BindPort: apiPort},
		NodeRegistration: kubeadm.NodeRegistrationOptions{
			Name: m.Machine, CRISocket: containerdSocket, ImagePullPolicy: corev1.PullIfNotPresent,
			Taints:           []corev1.Taint{}, // the only node must take workloads
			KubeletExtraArgs: []kubeadm.Arg{{Name: "node-ip", Value: m.Address.String()}},
			// The kernel is the host's and was checked there; its configuration cannot be read from inside. The container runtime
			// starts at the same moment as init does, and the kubelet waits for it.
			IgnorePreflightErrors: []string{"SystemVerification", "CRI", "ContainerRuntimeVersion"},
		},
		Patches: &kubeadm.Patches{Directory: patchesDir},
		// What these would do is done from outside, where it needs no pod.
		SkipPhases: []string{"addon", "show-join-command"},
	}
}

func (m firstMachine) clusterConfiguration() kubeadm.ClusterConfiguration {
	c := kubeadm.ClusterConfiguration{
		TypeMeta:             metav1.TypeMeta{APIVersion: kubeadm.APIVersion, Kind: "ClusterConfiguration"},
		ClusterName:          m.Cluster,
		KubernetesVersion:    m.Release.Kubernetes.String(),
		ControlPlaneEndpoint: netip.AddrPortFrom(m.Endpoint, apiPort).String(),
		Networking:           kubeadm.Networking{PodSubnet: podSubnet, ServiceSubnet: serviceSubnet, DNSDomain: dnsDomain},
		APIServer: kubeadm.APIServer{
			// The gateway on the host publishes the endpoint at these.
			CertSANs: []string{loopback.String(), "localhost"},
		},
		ControllerManager: kubeadm.ControlPlaneComponent{
			// Some forty controllers fetch a token each before they start; at the default of 20 requests a second that takes
			// four of the seconds between "the API answers" and "the first pod is scheduled". The API server has its own fair queues.
			ExtraArgs: []kubeadm.Arg{{Name: "kube-api-qps", Value: "100"}, {Name: "kube-api-burst", Value: "200"}},
		},
		Etcd: kubeadm.Etcd{Local: &kubeadm.LocalEtcd{
			DataDir: "/var/lib/etcd", ImageMeta: kubeadm.ImageMeta{ImageTag: tagOf(m.Release.Image(release.Etcd))},
		}},
		DNS:                 kubeadm.DNS{ImageMeta: kubeadm.ImageMeta{ImageTag: tagOf(m.Release.Image(release.CoreDNS))}},
		EncryptionAlgorithm: "ECDSA-P256",
	}
	tuned().Apply(&c)
	return c
}

// garbagePercent lets heaps of the cluster's own programs grow by a third instead of doubling before garbage is collected. What
// that costs in CPU is little, because an idle cluster makes little garbage; see docs/benchmarks.md.
const garbagePercent = 33

// tuned makes a control plane without peers start sooner and idle cheaper.
func tuned() tuning.Tuning {
	t := tuning.SingleControlPlane()
	t.ReadinessPeriod, t.LivenessPeriod = 15, 20
	t.EtcdHeartbeat = 100 // a fifth of the ticks costs 0.3 % of a core less, and 0.2 s more at the start
	t.GarbagePercent, t.WatchProgress = garbagePercent, "1m"
	return t
}

// kubeletConfiguration is what a kubelet in a system container needs besides kubeadm's defaults: its cgroup was made by the
// agent, and disk, swap and kernel belong to the host.
func (m firstMachine) kubeletConfiguration() kubelet.KubeletConfiguration {
	no, all, low := false, int32(100), int32(99)
	c := kubelet.KubeletConfiguration{
		TypeMeta:     metav1.TypeMeta{APIVersion: config.KubeletAPIVersion, Kind: config.KubeletKind},
		CgroupDriver: "cgroupfs",
		CgroupRoot:   "/kubelet",
		FailSwapOn:   &no,
		EvictionHard: map[string]string{
			"imagefs.available": "0%", "imagefs.inodesFree": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
		},
		ImageGCHighThresholdPercent: &all,
		ImageGCLowThresholdPercent:  &low,
	}
	if m.Host.CgroupV1 && m.Release.Kubernetes.FailsOnCgroupV1() {
		c.FailCgroupV1 = &no
	}
	if !m.Host.MayRaisePriority {
		none := int32(0)
		c.OOMScoreAdj = &none
	}
	return c
}

// tagOf returns the tag of an image reference.
func tagOf(reference string) string { return reference[strings.LastIndex(reference, ":")+1:] }
