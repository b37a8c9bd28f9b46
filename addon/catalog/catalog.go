// Package catalog is the table of the addons that come with Slipway. Each has a package of its own below, which renders it from
// typed values and nothing else; this one fills those values from what a cluster is. It refuses to look at a cluster.
package catalog

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/addon/catalog/coredns"
	"github.com/slipway-dev/slipway/addon/catalog/flannel"
	"github.com/slipway-dev/slipway/addon/catalog/kubeproxy"
	"github.com/slipway-dev/slipway/config"
)

// Values are what the addons need to know of a cluster.
type Values struct {
	// The full names of the images. The addons' versions are their tags.
	KubeProxyImage, CoreDNSImage, FlannelImage string
	// APIEndpoint is where nodes and pods reach the API without Services, as a URL.
	APIEndpoint string
	// PodCIDRs and ServiceCIDRs are the cluster's ranges: one, or one of each address family, the first being the main one.
	PodCIDRs, ServiceCIDRs []string
	// DNSDomain is the cluster's domain; empty means "cluster.local".
	DNSDomain string
	// DNSReplicas is how many CoreDNS run; zero means one.
	DNSReplicas int32
	// Backend is how packets travel between nodes; empty means flannel's default.
	Backend flannel.Backend
	// Interface is the nodes' interface to each other; empty means that of the default route.
	Interface string
	// TuneHost lets addons change what all machines on a kernel share.
	TuneHost bool
	// KubeProxyConfig is a KubeProxyConfiguration document that takes the place of ours; empty means ours.
	KubeProxyConfig []byte
}

// Bootstrap returns the addons without which no other pod works, in the order in which they need each other: pods get connected
// (flannel), reach Services (kube-proxy) and find them by name (CoreDNS).
func Bootstrap(v Values) ([]addon.Addon, error) {
	dnsIP, err := DNSAddress(v.ServiceCIDRs)
	if err != nil {
		return nil, err
	}
	v4, v6 := byFamily(v.PodCIDRs)
	var all []addon.Addon
	for _, entry := range []struct {
		name, image string
		render      func() ([]runtime.Object, error)
	}{
		{"flannel", v.FlannelImage, func() ([]runtime.Object, error) {
			return flannel.Render(flannel.Values{
				Image: v.FlannelImage, ClusterCIDR: v4, ClusterCIDRv6: v6, Backend: v.Backend,
				Interface: v.Interface, APIEndpoint: v.APIEndpoint,
			})
		}},
		{"kube-proxy", v.KubeProxyImage, func() ([]runtime.Object, error) {
			return kubeproxy.Render(kubeproxy.Values{
				Image: v.KubeProxyImage, APIEndpoint: v.APIEndpoint, ClusterCIDR: strings.Join(v.PodCIDRs, ","),
				TuneHost: v.TuneHost, Config: v.KubeProxyConfig,
			})
		}},
		{"coredns", v.CoreDNSImage, func() ([]runtime.Object, error) {
			return coredns.Render(coredns.Values{
				Image: v.CoreDNSImage, Replicas: v.DNSReplicas, ClusterIP: dnsIP.String(), Domain: v.DNSDomain, APIEndpoint: v.APIEndpoint,
			})
		}},
	} {
		objects, err := unstructuredOf(entry.render)
		if err != nil {
			return nil, fmt.Errorf("rendering the addon %q: %w", entry.name, err)
		}
		all = append(all, addon.Addon{Name: entry.name, Version: tag(entry.image), Objects: objects})
	}
	return all, nil
}

func unstructuredOf(render func() ([]runtime.Object, error)) ([]*unstructured.Unstructured, error) {
	objects, err := render()
	if err != nil {
		return nil, err
	}
	return addon.Unstructured(objects...)
}

// DNSAddress returns the address of the cluster's DNS: the tenth of the first Service range, as kubeadm has it. It is what the
// kubelets must give to their pods.
func DNSAddress(serviceCIDRs []string) (netip.Addr, error) {
	if len(serviceCIDRs) == 0 {
		return netip.Addr{}, fmt.Errorf("the cluster has no Service range")
	}
	return config.ServiceAddress(serviceCIDRs[0], config.DNSNumber)
}

// byFamily returns the first range of each family. What is no range counts as IPv4, for the renderer to refuse.
func byFamily(cidrs []string) (v4, v6 string) {
	for _, cidr := range cidrs {
		if p, err := netip.ParsePrefix(cidr); err == nil && p.Addr().Is6() {
			v6 = cmp.Or(v6, cidr)
		} else {
			v4 = cmp.Or(v4, cidr)
		}
	}
	return v4, v6
}

// tag returns an image's tag, or its digest where it has no tag.
func tag(image string) string {
	name, digest, _ := strings.Cut(image, "@")
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		return name[i+1:]
	}
	return digest
}
