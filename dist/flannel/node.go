package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"regexp"
	"strings"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// names are the annotations of a node that hold its lease.
type names struct {
	managed, backend, data, dataV6   string
	publicIP, publicIPv6             string // where others reach the node, as published
	nodePublicIP, nodePublicIPv6     string // the same, as an administrator wants it found
	overwritePublicIP, overwriteIPv6 string // the same, as an administrator wants it published
}

var prefixPattern = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+/([a-z0-9_-]+-)?$`)

// namesWith completes the prefix as upstream does: a domain, or a domain and a beginning of the name.
func namesWith(prefix string) (names, error) {
	if !strings.Contains(prefix, "/") {
		prefix += "/"
	}
	if !strings.HasSuffix(prefix, "/") && !strings.HasSuffix(prefix, "-") {
		prefix += "-"
	}
	if !prefixPattern.MatchString(prefix) {
		return names{}, fmt.Errorf("annotation prefix %q is not a domain, or a domain and a name", prefix)
	}
	return names{
		managed:           prefix + "kube-subnet-manager",
		backend:           prefix + "backend-type",
		data:              prefix + "backend-data",
		dataV6:            prefix + "backend-v6-data",
		publicIP:          prefix + "public-ip",
		publicIPv6:        prefix + "public-ipv6",
		nodePublicIP:      prefix + "node-public-ip",
		nodePublicIPv6:    prefix + "node-public-ipv6",
		overwritePublicIP: prefix + "public-ip-overwrite",
		overwriteIPv6:     prefix + "public-ipv6-overwrite",
	}, nil
}

func (n names) all() []string {
	return []string{n.managed, n.backend, n.data, n.dataV6, n.publicIP, n.publicIPv6, n.nodePublicIP, n.nodePublicIPv6, n.overwritePublicIP, n.overwriteIPv6}
}

// strip keeps of a node what a lease is made of: a node lists its images and more, times the number of nodes.
func (n names) strip(object any) (any, error) {
	node, ok := object.(*v1.Node)
	if !ok {
		return object, nil
	}
	kept := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, Annotations: map[string]string{}},
		Spec:       v1.NodeSpec{PodCIDR: node.Spec.PodCIDR, PodCIDRs: node.Spec.PodCIDRs},
	}
	for _, name := range n.all() {
		if value, ok := node.Annotations[name]; ok {
			kept.Annotations[name] = value
		}
	}
	return kept, nil
}

// sameLease reports whether two states of a node make the same lease.
func sameLease(n names, a, b *v1.Node) bool {
	return maps.Equal(a.Annotations, b.Annotations) && a.Spec.PodCIDR == b.Spec.PodCIDR && fmt.Sprint(a.Spec.PodCIDRs) == fmt.Sprint(b.Spec.PodCIDRs)
}

// leaseOf reads the lease that another flanneld has published on its node.
func (n names) leaseOf(node *v1.Node, config *subnet.Config) (lease.Lease, error) {
	l, err := subnets(node, config)
	if err != nil {
		return l, err
	}
	l.Attrs.BackendType = node.Annotations[n.backend]
	if config.EnableIPv4 {
		if l.Attrs.PublicIP, err = ip.ParseIP4(node.Annotations[n.publicIP]); err != nil {
			return l, fmt.Errorf("public address of node %q: %w", node.Name, err)
		}
		l.Attrs.BackendData = json.RawMessage(node.Annotations[n.data])
	}
	if config.EnableIPv6 {
		if l.Attrs.PublicIPv6, err = ip.ParseIP6(node.Annotations[n.publicIPv6]); err != nil {
			return l, fmt.Errorf("public IPv6 address of node %q: %w", node.Name, err)
		}
		l.Attrs.BackendV6Data = json.RawMessage(node.Annotations[n.dataV6])
	}
	return l, nil
}

// subnets reads the pod CIDRs of a node, one for each enabled family and within the configured network.
func subnets(node *v1.Node, config *subnet.Config) (lease.Lease, error) {
	cidrs := node.Spec.PodCIDRs
	if len(cidrs) == 0 {
		cidrs = []string{node.Spec.PodCIDR}
	}
	l := lease.Lease{EnableIPv4: config.EnableIPv4, EnableIPv6: config.EnableIPv6}
	for _, text := range cidrs {
		_, cidr, err := net.ParseCIDR(text)
		if err != nil {
			return l, fmt.Errorf("pod CIDR of node %q: %w", node.Name, err)
		}
		if cidr.IP.To4() != nil {
			l.Subnet = ip.FromIPNet(cidr)
		} else {
			l.IPv6Subnet = ip.FromIP6Net(cidr)
		}
	}
	switch {
	case config.EnableIPv4 && l.Subnet.Empty():
		return l, fmt.Errorf("node %q has no IPv4 pod CIDR", node.Name)
	case config.EnableIPv4 && !config.Network.ContainsCIDR(&l.Subnet):
		return l, fmt.Errorf("pod CIDR %s of node %q is outside of flannel's network %s", l.Subnet, node.Name, config.Network)
	case config.EnableIPv6 && l.IPv6Subnet.Empty():
		return l, fmt.Errorf("node %q has no IPv6 pod CIDR", node.Name)
	case config.EnableIPv6 && !config.IPv6Network.ContainsCIDR(&l.IPv6Subnet):
		return l, fmt.Errorf("pod CIDR %s of node %q is outside of flannel's network %s", l.IPv6Subnet, node.Name, config.IPv6Network)
	}
	return l, nil
}

// annotationsFor is what a node must carry for others to reach it. A backend without data publishes null, as upstream's does.
func (n names) annotationsFor(node *v1.Node, attrs *lease.LeaseAttrs) map[string]string {
	wanted := map[string]string{n.managed: "true", n.backend: attrs.BackendType}
	if attrs.PublicIP != 0 {
		wanted[n.data] = dataOf(attrs.BackendData)
		wanted[n.publicIP] = overwritten(node.Annotations[n.overwritePublicIP], attrs.PublicIP.String())
	}
	if attrs.PublicIPv6 != nil {
		wanted[n.dataV6] = dataOf(attrs.BackendV6Data)
		wanted[n.publicIPv6] = overwritten(node.Annotations[n.overwriteIPv6], attrs.PublicIPv6.String())
	}
	return wanted
}

func dataOf(raw json.RawMessage) string {
	if raw == nil {
		return "null"
	}
	return string(raw)
}

func overwritten(by, address string) string {
	if by != "" {
		return by
	}
	return address
}

// covers reports whether all wanted annotations are there already.
func covers(have, wanted map[string]string) bool {
	for name, value := range wanted {
		if have[name] != value {
			return false
		}
	}
	return true
}

// vtepMAC reads the hardware address out of what the VXLAN backend publishes; empty when there is none.
func vtepMAC(data string) string {
	var published struct{ VtepMAC string }
	if json.Unmarshal([]byte(data), &published) != nil {
		return "" // another backend's, or none
	}
	return published.VtepMAC
}
