package preflight

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/manifest"
)

// What a control plane node needs, by kubeadm's measure.
const (
	minCPUs     = 2
	minMemoryMB = 1700
	kubeletPort = 10250
)

// Machine is what init checks look at.
type Machine struct {
	Host   host.Host
	Config *kubeadm.Init
	// Proxy is the proxy environment that the components would get.
	Proxy []kubeadm.EnvVar
	// Ours reports whether a component's manifest is there already with exactly the content it is to have: then an earlier
	// init was interrupted, and the component's file, ports and data are no obstacle.
	Ours func(component string) bool
	// KubeletOurs says the same of the kubelet.
	KubeletOurs bool
}

// Init returns the checks for making the first control plane node of a cluster.
func Init(m Machine) []Check {
	in := m.Config
	checks := []Check{
		m.privileged(),
		m.cpus(),
		m.memory(),
		m.firewalld(),
		m.port(int(in.LocalAPIEndpoint.BindPort), m.Ours(manifest.APIServer)),
		m.port(manifest.SchedulerPort, m.Ours(manifest.Scheduler)),
		m.port(manifest.ControllerManagerPort, m.Ours(manifest.ControllerManager)),
		m.port(kubeletPort, m.KubeletOurs),
	}
	for _, component := range []string{manifest.APIServer, manifest.ControllerManager, manifest.Scheduler, manifest.Etcd} {
		checks = append(checks, m.fileAvailable(manifest.Path(component), m.Ours(component)))
	}
	checks = append(checks, m.proxies()...)
	checks = append(checks, m.common()...)
	checks = append(checks, m.forwarding()...)
	return append(checks, m.etcd()...)
}

// common are the checks that joining nodes share.
func (m Machine) common() []Check {
	return []Check{
		m.runtime(), m.swap(), m.program("losetup"), m.program("mount"), m.program("cp"),
		m.system(), m.nodeName(), m.kubeletVersion(), m.kubeletService(),
	}
}

func (m Machine) etcd() []Check {
	e := m.Config.Cluster.Etcd
	if e.Local != nil {
		ours := m.Ours(manifest.Etcd)
		return []Check{m.port(manifest.EtcdClientPort, ours), m.port(manifest.EtcdPeerPort, ours), m.dirAvailable(e.Local.DataDir, ours)}
	}
	var checks []Check
	for _, file := range []string{e.External.CAFile, e.External.CertFile, e.External.KeyFile} {
		if file != "" {
			checks = append(checks, m.fileExists("ExternalEtcdClientCertificates", file))
		}
	}
	return checks
}

// forwarding asks for packet forwarding in the families that the cluster uses.
func (m Machine) forwarding() []Check {
	ranges := strings.Split(m.Config.Cluster.Networking.ServiceSubnet+","+m.Config.Cluster.Networking.PodSubnet, ",")
	var v4, v6 bool
	for _, r := range append(ranges, m.Config.LocalAPIEndpoint.AdvertiseAddress) {
		text, _, _ := strings.Cut(strings.TrimSpace(r), "/")
		if ip, err := netip.ParseAddr(text); err == nil {
			v4, v6 = v4 || ip.Is4(), v6 || ip.Is6()
		}
	}
	var checks []Check
	if v4 {
		checks = append(checks, m.setting("net.ipv4.ip_forward"))
	}
	if v6 {
		checks = append(checks, m.setting("net.ipv6.conf.default.forwarding"))
	}
	return checks
}

func (m Machine) proxies() []Check {
	hosts := []string{m.Config.LocalAPIEndpoint.AdvertiseAddress}
	checks := []Check{m.proxy("HTTPProxy", hosts)}
	var ranges []string
	for _, list := range []string{m.Config.Cluster.Networking.ServiceSubnet, m.Config.Cluster.Networking.PodSubnet} {
		for _, r := range strings.Split(list, ",") {
			if p, err := netip.ParsePrefix(strings.TrimSpace(r)); err == nil {
				ranges = append(ranges, p.Masked().Addr().Next().String())
			}
		}
	}
	return append(checks, m.proxy("HTTPProxyCIDR", slices.Compact(ranges)))
}
