package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// settings is what a link should have.
type settings struct {
	MTU     int // 0 leaves it as it is
	Address netip.Prefix
	Default netip.Addr // the default route's next hop, if it leads over this link
}

// apply gives link its settings, sets it up, and reports whether anything differed.
func (s settings) apply(h *netlink.Handle, link netlink.Link) (changed bool, err error) {
	a := link.Attrs()
	if s.MTU != 0 && a.MTU != s.MTU {
		if err := h.LinkSetMTU(link, s.MTU); err != nil {
			return changed, fmt.Errorf("setting the MTU of link %q to %d: %w", a.Name, s.MTU, err)
		}
		changed = true
	}
	if added, err := s.addAddress(h, link); err != nil {
		return changed, err
	} else if added {
		changed = true
	}
	if a.Flags&net.FlagUp == 0 {
		if err := h.LinkSetUp(link); err != nil {
			return changed, fmt.Errorf("setting link %q up: %w", a.Name, err)
		}
		changed = true
	}
	if !s.Default.IsValid() {
		return changed, nil
	}
	added, err := s.addDefault(h, link)
	return changed || added, err
}

func (s settings) addAddress(h *netlink.Handle, link netlink.Link) (bool, error) {
	name := link.Attrs().Name
	have, err := h.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return false, fmt.Errorf("listing the addresses of link %q: %w", name, err)
	}
	want := ipNet(s.Address)
	for _, a := range have {
		if a.IPNet.String() == want.String() {
			return false, nil
		}
	}
	if err := h.AddrAdd(link, &netlink.Addr{IPNet: want}); err != nil {
		return false, fmt.Errorf("giving link %q the address %s: %w", name, s.Address, err)
	}
	return true, nil
}

func (s settings) addDefault(h *netlink.Handle, link netlink.Link) (bool, error) {
	routes, err := h.RouteList(link, netlink.FAMILY_V4)
	if err != nil {
		return false, fmt.Errorf("listing the routes of link %q: %w", link.Attrs().Name, err)
	}
	via := s.Default.AsSlice()
	for _, r := range routes {
		if (r.Dst == nil || isDefault(r.Dst)) && r.Gw.Equal(via) {
			return false, nil
		}
	}
	all := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	if err := h.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: all, Gw: via}); err != nil {
		return false, fmt.Errorf("routing by default over %s: %w", s.Default, err)
	}
	return true, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}

func loopbackUp(h *netlink.Handle) (bool, error) {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return false, fmt.Errorf("finding the loopback link: %w", err)
	}
	if lo.Attrs().Flags&net.FlagUp != 0 {
		return false, nil
	}
	if err := h.LinkSetUp(lo); err != nil {
		return false, fmt.Errorf("setting the loopback link up: %w", err)
	}
	return true, nil
}

// find returns the link of that name, or nil when there is none.
func find(h *netlink.Handle, name string) (netlink.Link, error) {
	link, err := h.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for link %q: %w", name, err)
	}
	return link, nil
}

// remove deletes a link, and with it the other end of its pair. Nil and a link that has gone meanwhile are no errors.
func remove(h *netlink.Handle, link netlink.Link) error {
	if link == nil {
		return nil
	}
	name := link.Attrs().Name
	if err := h.LinkDel(link); err != nil {
		if again, _ := find(h, name); again == nil {
			return nil
		}
		return fmt.Errorf("removing link %q: %w", name, err)
	}
	return nil
}
