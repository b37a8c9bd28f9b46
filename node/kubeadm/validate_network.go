package kubeadm

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of the cluster's address ranges, those of kubeadm and the API server.
const (
	maxServiceBits = 20 // 2^20 addresses: the API server keeps a bitmap of them
	minServiceBits = 4  // room for the tenth address, which is DNS
	maxNodeRanges  = 16 // 2^16 node ranges: the controller manager keeps a bitmap of them
)

func (c *ClusterConfiguration) validateNetworking(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := c.Networking
	for _, problem := range validation.IsDNS1123Subdomain(n.DNSDomain) {
		errs = append(errs, field.Invalid(p.Child("dnsDomain"), n.DNSDomain, problem))
	}
	services, bad := ranges(n.ServiceSubnet, p.Child("serviceSubnet"))
	errs = append(errs, bad...)
	for _, s := range services {
		switch bits := s.Addr().BitLen() - s.Bits(); {
		case bits > maxServiceBits:
			errs = append(errs, field.Invalid(p.Child("serviceSubnet"), s.String(), fmt.Sprintf("is too large: the mask must be at least /%d", s.Addr().BitLen()-maxServiceBits)))
		case bits < minServiceBits:
			errs = append(errs, field.Invalid(p.Child("serviceSubnet"), s.String(), fmt.Sprintf("is too small: it needs at least %d addresses", 1<<minServiceBits)))
		}
	}
	if n.PodSubnet == "" {
		return errs
	}
	pods, bad := ranges(n.PodSubnet, p.Child("podSubnet"))
	errs = append(errs, bad...)
	if v, _ := Value(c.ControllerManager.ExtraArgs, "allocate-node-cidrs"); v != "false" {
		for _, s := range pods {
			errs = append(errs, c.validateNodeMask(s, p.Child("podSubnet"))...)
		}
	}
	for _, s := range services {
		for _, pod := range pods {
			if s.Overlaps(pod) {
				errs = append(errs, field.Invalid(p.Child("podSubnet"), pod.String(), "overlaps the service range "+s.String()))
			}
		}
	}
	return errs
}

// validateNodeMask checks that the pod range can be cut into ranges for nodes.
func (c *ClusterConfiguration) validateNodeMask(pods netip.Prefix, p *field.Path) field.ErrorList {
	mask, arg := 24, "node-cidr-mask-size-ipv4"
	if pods.Addr().Is6() {
		mask, arg = 64, "node-cidr-mask-size-ipv6"
	}
	if v, ok := Value(c.ControllerManager.ExtraArgs, arg); ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			return field.ErrorList{field.Invalid(p, v, fmt.Sprintf("the controller manager's %s is not a number", arg))}
		}
		mask = n
	}
	switch {
	case pods.Bits() > mask:
		return field.ErrorList{field.Invalid(p, pods.String(), fmt.Sprintf("is smaller than the range /%d of one node", mask))}
	case mask-pods.Bits() > maxNodeRanges:
		return field.ErrorList{field.Invalid(p, pods.String(), fmt.Sprintf("is too large for node ranges of /%d: the mask must be at least /%d", mask, mask-maxNodeRanges))}
	}
	return nil
}

// ranges reads one address range, or two of different families.
func ranges(list string, p *field.Path) ([]netip.Prefix, field.ErrorList) {
	var all []netip.Prefix
	for _, text := range strings.Split(list, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, field.ErrorList{field.Invalid(p, list, "must be an address range such as "+DefaultServiceSubnet)}
		}
		all = append(all, prefix.Masked())
	}
	if len(all) > 2 || len(all) == 2 && all[0].Addr().Is4() == all[1].Addr().Is4() {
		return nil, field.ErrorList{field.Invalid(p, list, "must be one range, or one of IPv4 and one of IPv6")}
	}
	return all, nil
}
