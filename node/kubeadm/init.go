package kubeadm

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	kubeproxy "k8s.io/kube-proxy/config/v1alpha1"
	kubelet "k8s.io/kubelet/config/v1beta1"

	"github.com/slipway-dev/slipway/config"
	"github.com/slipway-dev/slipway/pki"
)

// Init is a complete configuration for making a cluster's first node: defaults filled in, valid.
type Init struct {
	InitConfiguration
	Cluster   ClusterConfiguration
	Kubelet   kubelet.KubeletConfiguration
	KubeProxy kubeproxy.KubeProxyConfiguration
	// KubeletGiven says that the user supplied the kubelet's document; upgrades leave the values of such a one alone.
	KubeletGiven bool
	// Notes are pieces of advice for the user.
	Notes []config.Note
}

// Facts are what the defaults take from the machine.
type Facts struct {
	Hostname string
	// Address is the machine's address on the interface of the default route; invalid when there is none.
	Address netip.Addr
	// Sockets are the container runtime sockets that exist, as URLs.
	Sockets []string
	// KubernetesVersion is used where the configuration names none; empty means DefaultKubernetesVersion.
	KubernetesVersion string
	// Rand makes tokens.
	Rand io.Reader
}

// Complete fills in what c leaves open and validates the result. c itself is not changed.
func (c *Config) Complete(f Facts) (*Init, error) {
	if c.Init == nil && c.Cluster == nil {
		return nil, errors.New("the configuration has neither an InitConfiguration nor a ClusterConfiguration")
	}
	in := &Init{KubeletGiven: c.Kubelet != nil}
	if c.Init != nil {
		in.InitConfiguration = *c.Init
	}
	if c.Cluster != nil {
		in.Cluster = *c.Cluster
	}
	if c.Kubelet != nil {
		c.Kubelet.DeepCopyInto(&in.Kubelet)
	}
	if c.KubeProxy != nil {
		c.KubeProxy.DeepCopyInto(&in.KubeProxy)
	}
	if err := in.fill(f); err != nil {
		return nil, err
	}
	if err := in.Validate().ToAggregate(); err != nil {
		return nil, fmt.Errorf("the kubeadm configuration is not valid: %w", err)
	}
	return in, nil
}

// fill applies the defaults; those that depend on others come last.
func (in *Init) fill(f Facts) error {
	in.InitConfiguration.setDefaults()
	in.Cluster.setDefaults(f.KubernetesVersion)
	if err := in.NodeRegistration.fill(f); err != nil {
		return err
	}
	if in.LocalAPIEndpoint.AdvertiseAddress == "" && f.Address.IsValid() {
		in.LocalAPIEndpoint.AdvertiseAddress = f.Address.String()
	}
	if err := in.fillTokens(f.Rand); err != nil {
		return err
	}
	if e := in.Cluster.ControlPlaneEndpoint; e != "" {
		if host, port, err := splitHostPort(e); err == nil && port == "" {
			in.Cluster.ControlPlaneEndpoint = joinHostPort(host, in.LocalAPIEndpoint.BindPort)
		}
	}
	in.fillComponents()
	return nil
}

func (in *Init) fillTokens(rand io.Reader) error {
	for i := range in.BootstrapTokens {
		t := &in.BootstrapTokens[i]
		if t.Token != nil && t.Token.ID != "" {
			continue
		}
		token, err := pki.NewToken(rand)
		if err != nil {
			return err
		}
		t.Token = &TokenString{token}
	}
	return nil
}

func (in *Init) fillComponents() {
	dns := ""
	if ip, err := in.Cluster.DNSIP(); err == nil {
		dns = ip.String()
	}
	in.Notes = append(in.Notes, config.DefaultKubelet(&in.Kubelet, config.KubeletFacts{
		ClusterDNS:      dns,
		ClusterDomain:   in.Cluster.Networking.DNSDomain,
		CertificatesDir: in.Cluster.CertificatesDir,
	})...)
	address, _ := netip.ParseAddr(in.LocalAPIEndpoint.AdvertiseAddress) // a wrong one is reported by Validate
	in.Notes = append(in.Notes, config.DefaultKubeProxy(&in.KubeProxy, config.KubeProxyFacts{
		PodSubnet: in.Cluster.Networking.PodSubnet,
		IPv6:      address.Is6() && !address.Is4In6(),
	})...)
}

func (n *NodeRegistrationOptions) fill(f Facts) error {
	if n.Name == "" {
		n.Name = f.Hostname
	}
	n.Name = strings.ToLower(strings.TrimSpace(n.Name))
	if n.Taints == nil {
		n.Taints = append(n.Taints, ControlPlaneTaint())
	}
	switch {
	case n.CRISocket != "" && !strings.Contains(n.CRISocket, "://"):
		n.CRISocket = socketScheme + n.CRISocket
	case n.CRISocket != "":
	case len(f.Sockets) > 1:
		return fmt.Errorf("found several container runtimes (%s): choose one with nodeRegistration.criSocket", strings.Join(f.Sockets, ", "))
	case len(f.Sockets) == 1:
		n.CRISocket = f.Sockets[0]
	default:
		n.CRISocket = DefaultCRISocket
	}
	return nil
}

// Facts returns what names in certificates depend on.
func (in *Init) Facts() (pki.Facts, error) {
	service, err := in.Cluster.ServiceIP()
	if err != nil {
		return pki.Facts{}, err
	}
	address, err := netip.ParseAddr(in.LocalAPIEndpoint.AdvertiseAddress)
	if err != nil {
		return pki.Facts{}, fmt.Errorf("localAPIEndpoint.advertiseAddress: %w", err)
	}
	f := pki.Facts{
		NodeName:         in.NodeRegistration.Name,
		DNSDomain:        in.Cluster.Networking.DNSDomain,
		AdvertiseAddress: address,
		ServiceIP:        service,
		APIServerSANs:    in.Cluster.APIServer.CertSANs,
	}
	if e := in.Cluster.ControlPlaneEndpoint; e != "" {
		if f.ControlPlaneHost, _, err = splitHostPort(e); err != nil {
			return pki.Facts{}, err
		}
	}
	if l := in.Cluster.Etcd.Local; l != nil {
		f.EtcdServerSANs, f.EtcdPeerSANs = l.ServerCertSANs, l.PeerCertSANs
	}
	return f, nil
}
