// Package network gives every cluster on this host a network of its own: a network namespace with a bridge that has the
// same addresses in every cluster, one namespace for each machine behind it, and one link to the host through which
// machines reach the outside.
//
//	host namespace            cluster namespace                 machine namespace
//	slip0 10.213.128.1/30 ─── uplink 10.213.128.2/30
//	masquerade → outside      masquerade → uplink
//	                          machines 10.213.0.1/24 ─┬─ m11 ─── eth0 10.213.0.11/24
//	                                                  └─ m12 ─── eth0 10.213.0.12/24
//
// Only the link to the host is unique on the host. It refuses to know what runs in a machine and keeps no state of its own:
// Ensure compares what the caller wants with what the kernel has.
package network

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// The names inside a cluster's namespace, the same in every cluster.
const (
	uplinkName = "uplink"
	bridgeName = "machines"
)

// MachineRange returns the range that the machines of every cluster are in.
func MachineRange() netip.Prefix { return netip.MustParsePrefix("10.213.0.0/24") }

// UplinkRange returns the range from which links between clusters and the host get their addresses.
func UplinkRange() netip.Prefix { return netip.MustParsePrefix("10.213.128.0/17") }

// firstMachine is the offset of the first machine in its range; those below are for the gateway and what may come.
const firstMachine = 11

// Config is one cluster's network, as it is kept in network.json.
type Config struct {
	Cluster string `json:"cluster"`
	// Machines is the range of the bridge, the same in every cluster.
	Machines netip.Prefix `json:"machines"`
	// Gateway is the bridge's own address and the machines' default route.
	Gateway netip.Addr `json:"gateway"`
	// Uplink is the /30 that joins the cluster's namespace to the host, unique on this host.
	Uplink netip.Prefix `json:"uplink"`
	// Link is the name of the host's end of the uplink.
	Link string `json:"link"`
}

// HostAddress is the host's end of the uplink.
func (c Config) HostAddress() netip.Prefix { return uplinkAddress(c.Uplink, 1) }

// ClusterAddress is the cluster's end of the uplink, from which its traffic seems to come.
func (c Config) ClusterAddress() netip.Prefix { return uplinkAddress(c.Uplink, 2) }

func uplinkAddress(p netip.Prefix, n uint32) netip.Prefix {
	return netip.PrefixFrom(offset(p.Addr(), n), p.Bits())
}

// Endpoint is one machine's place in the network.
type Endpoint struct {
	Machine string
	Address netip.Addr
}

// port is the name of the bridge's end of a machine's link: "m11" for 10.213.0.11.
func (c Config) port(a netip.Addr) string {
	return fmt.Sprintf("m%d", number(a)-number(c.Machines.Masked().Addr()))
}

// hardwareAddr derives a locally administered address from the IP address, so that neighbours' caches stay right when a
// machine is started again or a cluster is moved.
func hardwareAddr(a netip.Addr) net.HardwareAddr {
	ip := a.As4()
	return net.HardwareAddr{0x02, 0x73, ip[0], ip[1], ip[2], ip[3]}
}

func number(a netip.Addr) uint32 {
	ip := a.As4()
	return binary.BigEndian.Uint32(ip[:])
}

func offset(a netip.Addr, n uint32) netip.Addr {
	var ip [4]byte
	binary.BigEndian.PutUint32(ip[:], number(a)+n)
	return netip.AddrFrom4(ip)
}
