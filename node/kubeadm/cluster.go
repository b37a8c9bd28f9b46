package kubeadm

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/slipway-dev/slipway/config"
)

// URL returns the URL of the node's own API server.
func (e APIEndpoint) URL() string {
	return "https://" + joinHostPort(e.AdvertiseAddress, e.BindPort)
}

// HostPort returns address and port as one.
func (e APIEndpoint) HostPort() string { return joinHostPort(e.AdvertiseAddress, e.BindPort) }

// ControlPlaneURL returns the URL of the control plane as a whole: its endpoint, or the one API server.
func (in *Init) ControlPlaneURL() string {
	if in.Cluster.ControlPlaneEndpoint != "" {
		return "https://" + in.Cluster.ControlPlaneEndpoint
	}
	return in.LocalAPIEndpoint.URL()
}

// ServiceIP is the address of the kubernetes Service: the first of the service range.
func (c *ClusterConfiguration) ServiceIP() (netip.Addr, error) { return c.serviceAddress(1) }

// DNSIP is the address of the DNS Service: the tenth of the service range.
func (c *ClusterConfiguration) DNSIP() (netip.Addr, error) { return c.serviceAddress(config.DNSNumber) }

func (c *ClusterConfiguration) serviceAddress(number int64) (netip.Addr, error) {
	first, _, _ := strings.Cut(c.Networking.ServiceSubnet, ",")
	address, err := config.ServiceAddress(strings.TrimSpace(first), number)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("networking.serviceSubnet: %w", err)
	}
	return address, nil
}

// Render returns the document as it is kept in the cluster.
func (c *ClusterConfiguration) Render() ([]byte, error) { return config.Render(c) }

// Value returns the last value that args give to name.
func Value(args []Arg, name string) (string, bool) {
	for i := len(args) - 1; i >= 0; i-- {
		if args[i].Name == name {
			return args[i].Value, true
		}
	}
	return "", false
}

// joinHostPort joins a host and a port; an IPv6 address gets its brackets.
func joinHostPort(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// splitHostPort reads "host", "host:port", "[v6]:port" or a bare IPv6 address, and refuses hosts that are neither an
// address nor a DNS name.
func splitHostPort(s string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(s)
	if err != nil {
		host, port = s, ""
	} else if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host, port, nil
	}
	if problems := validation.IsDNS1123Subdomain(host); len(problems) > 0 {
		return "", "", fmt.Errorf("host %q is neither an IP address nor a DNS name", host)
	}
	return host, port, nil
}
