package pki

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
)

// Profile describes one certificate of a kubeadm cluster: which file, who signs, for whom and for what.
type Profile struct {
	// Name is kubeadm's name of the phase that makes it, such as "apiserver-kubelet-client".
	Name string
	// File is the path below the certificate directory without .crt and .key, such as "etcd/server".
	File string
	// Authority names the profile that signs; an authority has none.
	Authority    string
	CommonName   string // NodeName stands for the node's name
	Organization []string
	Usages       []x509.ExtKeyUsage
	// SANs returns the names the certificate must be valid for; nil for those that serve nothing.
	SANs func(Facts) SANs
	// Etcd marks the certificates that exist only where etcd runs on the control plane's own machines.
	Etcd bool
}

// NodeName stands for the name of the node in a profile's CommonName.
const NodeName = "<node name>"

// Facts are what the names in certificates depend on.
type Facts struct {
	NodeName         string
	DNSDomain        string
	AdvertiseAddress netip.Addr
	// ServiceIP is the address of the kubernetes Service, the first one of the service range.
	ServiceIP netip.Addr
	// ControlPlaneHost is the host of the control plane's endpoint, or empty.
	ControlPlaneHost string
	// The names that the user asked for in addition.
	APIServerSANs, EtcdServerSANs, EtcdPeerSANs []string
}

// Profiles returns the certificates of a control plane node in an order in which they can be made.
func Profiles() []Profile {
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return []Profile{
		{Name: "ca", File: "ca", CommonName: "kubernetes"},
		{Name: "apiserver", File: "apiserver", Authority: "ca", CommonName: "kube-apiserver", Usages: server, SANs: apiServerSANs},
		{Name: "apiserver-kubelet-client", File: "apiserver-kubelet-client", Authority: "ca", CommonName: "kube-apiserver-kubelet-client", Usages: client},
		{Name: "front-proxy-ca", File: "front-proxy-ca", CommonName: "front-proxy-ca"},
		{Name: "front-proxy-client", File: "front-proxy-client", Authority: "front-proxy-ca", CommonName: "front-proxy-client", Usages: client},
		{Name: "etcd-ca", File: "etcd/ca", CommonName: "etcd-ca", Etcd: true},
		{Name: "etcd-server", File: "etcd/server", Authority: "etcd-ca", CommonName: NodeName, Usages: both, SANs: etcdServerSANs, Etcd: true},
		{Name: "etcd-peer", File: "etcd/peer", Authority: "etcd-ca", CommonName: NodeName, Usages: both, SANs: etcdPeerSANs, Etcd: true},
		{Name: "etcd-healthcheck-client", File: "etcd/healthcheck-client", Authority: "etcd-ca", CommonName: "kube-etcd-healthcheck-client", Usages: client, Etcd: true},
		{Name: "apiserver-etcd-client", File: "apiserver-etcd-client", Authority: "etcd-ca", CommonName: "kube-apiserver-etcd-client", Usages: client, Etcd: true},
	}
}

// ProfileNamed returns the profile of that name.
func ProfileNamed(name string) (Profile, bool) {
	all := Profiles()
	i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return all[i], true
}

// IsAuthority reports whether the profile is of a certificate authority.
func (p Profile) IsAuthority() bool { return p.Authority == "" }

// Request returns what the profile's certificate is to contain in a cluster with these facts.
func (p Profile) Request(f Facts) Request {
	r := Request{CommonName: p.CommonName, Organization: p.Organization, Usages: p.Usages}
	if r.CommonName == NodeName {
		r.CommonName = f.NodeName
	}
	if p.SANs != nil {
		r.SANs = p.SANs(f)
	}
	return r
}

func apiServerSANs(f Facts) SANs {
	s := SANs{
		DNS: []string{f.NodeName, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + f.DNSDomain},
		IPs: []netip.Addr{f.ServiceIP, f.AdvertiseAddress},
	}
	if f.ControlPlaneHost != "" {
		s.add(f.ControlPlaneHost)
	}
	return s.add(f.APIServerSANs...)
}

func etcdServerSANs(f Facts) SANs { return etcdSANs(f).add(f.EtcdServerSANs...) }
func etcdPeerSANs(f Facts) SANs   { return etcdSANs(f).add(f.EtcdPeerSANs...) }

func etcdSANs(f Facts) *SANs {
	return &SANs{
		DNS: []string{f.NodeName, "localhost"},
		IPs: []netip.Addr{f.AdvertiseAddress, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()},
	}
}

// add sorts names into addresses and DNS names, which are compared without regard to case.
func (s *SANs) add(names ...string) SANs {
	for _, name := range names {
		if ip, err := netip.ParseAddr(name); err == nil {
			s.IPs = append(s.IPs, ip)
		} else {
			s.DNS = append(s.DNS, strings.ToLower(name))
		}
	}
	return *s
}
