package node

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/slipway-dev/slipway/host"
)

// defaultAddress returns the machine's address on the interface of its default route, IPv4 before IPv6, or an invalid one.
// It reads what the kernel says in /proc, so that it works for any Host.
func defaultAddress(h host.Host) netip.Addr {
	routes, _ := h.ReadFile("/proc/net/route") // a machine without one family lacks its files
	trie, _ := h.ReadFile("/proc/net/fib_trie")
	if a := addressV4(string(routes), string(trie)); a.IsValid() {
		return a
	}
	routes6, _ := h.ReadFile("/proc/net/ipv6_route")
	addresses6, _ := h.ReadFile("/proc/net/if_inet6")
	return addressV6(string(routes6), string(addresses6))
}

// addressV4 finds the networks of the interface with the default route, then the local address within one of them.
func addressV4(routes, trie string) netip.Addr {
	device := ""
	for line := range strings.Lines(routes) {
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			device = f[0]
			break
		}
	}
	if device == "" {
		return netip.Addr{}
	}
	local := localV4(trie)
	for line := range strings.Lines(routes) {
		f := strings.Fields(line)
		if len(f) < 8 || f[0] != device || f[7] == "00000000" {
			continue
		}
		network, ok := prefixV4(f[1], f[7])
		if !ok {
			continue
		}
		for _, a := range local {
			if network.Contains(a) {
				return a
			}
		}
	}
	for _, a := range local { // an interface with a lone address, as of point-to-point links
		if !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}

// localV4 lists the machine's own addresses: the leaves of the table that say "host LOCAL".
func localV4(trie string) []netip.Addr {
	var all []netip.Addr
	last := ""
	for line := range strings.Lines(trie) {
		if _, leaf, ok := strings.Cut(line, "|-- "); ok {
			last = strings.TrimSpace(leaf)
		} else if strings.Contains(line, "/32 host LOCAL") {
			if a, err := netip.ParseAddr(last); err == nil && !a.IsLoopback() {
				all = append(all, a)
			}
		}
	}
	return all
}

// prefixV4 reads destination and mask as the kernel writes them: in hexadecimal, the last byte first.
func prefixV4(destination, mask string) (netip.Prefix, bool) {
	d, err1 := hex.DecodeString(destination)
	m, err2 := hex.DecodeString(mask)
	if err1 != nil || err2 != nil || len(d) != 4 || len(m) != 4 {
		return netip.Prefix{}, false
	}
	bits := 0
	for v := binary.LittleEndian.Uint32(m); v != 0; v &= v - 1 {
		bits++
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], binary.LittleEndian.Uint32(d))
	return netip.PrefixFrom(netip.AddrFrom4(a), bits), true
}

// addressV6 finds the interface with the default route, then its first global address.
func addressV6(routes, addresses string) netip.Addr {
	device := ""
	for line := range strings.Lines(routes) {
		if f := strings.Fields(line); len(f) > 9 && strings.Trim(f[0], "0") == "" && f[1] == "00" && f[9] != "lo" {
			device = f[9]
			break
		}
	}
	const global = "00"
	for line := range strings.Lines(addresses) {
		f := strings.Fields(line)
		if len(f) < 6 || f[5] != device || f[3] != global {
			continue
		}
		if raw, err := hex.DecodeString(f[0]); err == nil {
			if a, ok := netip.AddrFromSlice(raw); ok {
				return a
			}
		}
	}
	return netip.Addr{}
}
