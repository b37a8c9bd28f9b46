package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrExhausted means that no address is left to give.
var ErrExhausted = errors.New("no free address is left")

// uplinkBits makes an uplink a /30: two usable addresses, and none of the surprises that some tools have with a /31.
const uplinkBits = 30

// New chooses the network of a new cluster. taken are the uplinks of other clusters on this host, routes the host's routes.
func New(cluster string, taken, routes []netip.Prefix) (Config, error) {
	uplink, index, err := freeUplink(taken, routes)
	if err != nil {
		return Config{}, fmt.Errorf("choosing the uplink of cluster %q: %w", cluster, err)
	}
	machines := MachineRange()
	return Config{
		Cluster:  cluster,
		Machines: machines,
		Gateway:  machines.Addr().Next(),
		Uplink:   uplink,
		Link:     fmt.Sprintf("slip%d", index),
	}, nil
}

// freeUplink returns the lowest /30 that neither a cluster nor a route of the host uses. A route wider than the whole range,
// such as a default route or a VPN's 10.0.0.0/8, is no obstacle: the /30 is more specific and wins.
func freeUplink(taken, routes []netip.Prefix) (netip.Prefix, uint32, error) {
	all := UplinkRange()
	busy := slices.Clone(taken)
	for _, r := range routes {
		if r.Bits() >= all.Bits() && r.Overlaps(all) {
			busy = append(busy, r)
		}
	}
	for i := range uint32(1) << (uplinkBits - all.Bits()) {
		p := netip.PrefixFrom(offset(all.Addr(), i*4), uplinkBits)
		if !slices.ContainsFunc(busy, p.Overlaps) {
			return p, i, nil
		}
	}
	return netip.Prefix{}, 0, fmt.Errorf("%w in %s: the host's other networks use it", ErrExhausted, all)
}

// Conflict returns the first of the host's routes that collides with the uplink, other than the one over its own link.
func (c Config) Conflict(routes []Route) (Route, bool) {
	for _, r := range routes {
		if r.Link != c.Link && r.To.Bits() >= UplinkRange().Bits() && r.To.Overlaps(c.Uplink) {
			return r, true
		}
	}
	return Route{}, false
}

// Route is one of the host's routes: where it leads to, and over which link.
type Route struct {
	To   netip.Prefix
	Link string
}

// FreeMachine returns the lowest address for a machine that is not taken.
func (c Config) FreeMachine(taken []netip.Addr) (netip.Addr, error) {
	size := uint32(1) << (32 - c.Machines.Bits())
	for i := uint32(firstMachine); i < size-1; i++ {
		if a := offset(c.Machines.Masked().Addr(), i); !slices.Contains(taken, a) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("choosing a machine's address in %s: %w", c.Machines, ErrExhausted)
}

// CheckMachine refuses an address that a machine of this cluster cannot have.
func (c Config) CheckMachine(a netip.Addr) error {
	low := offset(c.Machines.Masked().Addr(), firstMachine)
	switch {
	case !a.Is4() || !c.Machines.Contains(a):
		return fmt.Errorf("address %s is not in the machines' range %s", a, c.Machines)
	case a.Less(low):
		return fmt.Errorf("address %s is reserved: machines begin at %s", a, low)
	case !c.Machines.Contains(a.Next()):
		return fmt.Errorf("address %s is the broadcast address of %s", a, c.Machines)
	}
	return nil
}
