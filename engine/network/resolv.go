package network

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxNameservers is what resolvers read; they ignore further ones.
const maxNameservers = 3

// Resolver is what a machine writes to /etc/resolv.conf.
type Resolver struct {
	Nameservers []netip.Addr
	Search      []string
	Options     []string
}

// ParseResolver reads a resolv.conf. Lines it does not know are left out, as resolvers do.
func ParseResolver(conf []byte) Resolver {
	var r Resolver
	lines := bufio.NewScanner(bytes.NewReader(conf))
	for lines.Scan() {
		fields := strings.Fields(strings.TrimLeft(lines.Text(), " \t"))
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil {
				r.Nameservers = append(r.Nameservers, a)
			}
		case "search":
			r.Search = fields[1:]
		case "options":
			r.Options = fields[1:]
		}
	}
	return r
}

// Reachable returns the resolver without name servers that only the host itself can ask: loopback ones and IPv6 ones, since
// machines have IPv4 only.
func (r Resolver) Reachable() Resolver {
	r.Nameservers = slices.DeleteFunc(slices.Clone(r.Nameservers), func(a netip.Addr) bool {
		return a.IsLoopback() || !a.Unmap().Is4() || a.IsUnspecified()
	})
	r.Nameservers = r.Nameservers[:min(len(r.Nameservers), maxNameservers)]
	// trust-ad is a promise about the host's own resolver, edns0 is harmless.
	r.Options = slices.DeleteFunc(slices.Clone(r.Options), func(o string) bool { return o == "trust-ad" })
	return r
}

// String renders the file.
func (r Resolver) String() string {
	var b strings.Builder
	for _, a := range r.Nameservers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	if len(r.Search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(r.Search, " "))
	}
	if len(r.Options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(r.Options, " "))
	}
	return b.String()
}

// The files that may hold the host's name servers. With systemd-resolved the first names only its stub on loopback and the
// second the real ones.
const (
	resolvConf    = "/etc/resolv.conf"
	resolvedConf  = "/run/systemd/resolve/resolv.conf"
	noNameservers = "the host has no name server that a machine can reach (only loopback ones): " +
		"names outside the cluster will not resolve; name one in " + resolvConf
)

// MachineResolver makes a machine's resolv.conf from the host's, and says in warning what a person should know.
//
// When the host has no name server that a machine can ask, the file names the cluster's gateway address. Nothing answers
// there, so outside names do not resolve, but CoreDNS starts: it refuses to run with an upstream list that is empty, and
// a loopback server would make it forward to itself.
func (c Config) MachineResolver(read func(path string) ([]byte, error)) (r Resolver, warning string) {
	for _, path := range []string{resolvConf, resolvedConf} {
		data, err := read(path)
		if err != nil {
			continue // either file may be missing; no name server at all is what the warning is for
		}
		if r = ParseResolver(data).Reachable(); len(r.Nameservers) > 0 {
			return r, ""
		}
	}
	r.Nameservers = []netip.Addr{c.Gateway}
	return r, noNameservers
}
