package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Ensure makes the cluster's network what cfg says, changing only what differs, and binds its namespace to nsFile. The
// warnings say what a person must know although the network is there, such as another firewall that drops its traffic.
func Ensure(ctx context.Context, cfg Config, nsFile string) (changed bool, warnings []string, err error) {
	fail := func(err error) (bool, []string, error) {
		return changed, warnings, fmt.Errorf("making the network of cluster %q: %w", cfg.Cluster, err)
	}
	if changed, err = ensureNamespace(nsFile); err != nil {
		return fail(err)
	}
	w, err := open(nsFile)
	if err != nil {
		return fail(err)
	}
	defer w.close()
	w.cfg = cfg
	steps := []func() (bool, error){w.ensureUplink, w.ensureHostEnd, w.ensureClusterEnd, w.ensureBridge, w.ensureForwarding, w.ensureMasquerade}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		did, err := step()
		changed = changed || did
		if err != nil {
			return fail(err)
		}
	}
	warnings, err = openFirewall(cfg)
	if err != nil {
		return fail(err)
	}
	return changed, warnings, nil
}

// wiring holds what is needed to change links in the host's namespace and in a cluster's.
type wiring struct {
	cfg           Config
	nsFile        string
	ns            netns.NsHandle
	host, cluster *netlink.Handle
}

func open(nsFile string) (*wiring, error) {
	ns, err := netns.GetFromPath(nsFile)
	if err != nil {
		return nil, fmt.Errorf("opening network namespace %q: %w", nsFile, err)
	}
	host, err := netlink.NewHandle()
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	cluster, err := netlink.NewHandleAt(ns)
	if err != nil {
		host.Close()
		ns.Close()
		return nil, fmt.Errorf("opening netlink in %q: %w", nsFile, err)
	}
	return &wiring{nsFile: nsFile, ns: ns, host: host, cluster: cluster}, nil
}

func (w *wiring) close() {
	w.cluster.Close()
	w.host.Close()
	w.ns.Close()
}

// ensureUplink makes the pair of links that joins the cluster to the host. A half pair, whose other end is in a namespace
// that is gone or going, is removed first.
func (w *wiring) ensureUplink() (bool, error) {
	outer, err := find(w.host, w.cfg.Link)
	if err != nil {
		return false, err
	}
	inner, err := find(w.cluster, uplinkName)
	if err != nil {
		return false, err
	}
	if outer != nil && outer.Attrs().Alias != alias(w.cfg.Cluster) && outer.Attrs().Alias != "" {
		return false, fmt.Errorf("link %q belongs to %q", w.cfg.Link, outer.Attrs().Alias)
	}
	if outer != nil && inner != nil && inner.Attrs().ParentIndex == outer.Attrs().Index {
		return false, nil
	}
	if err := errors.Join(remove(w.host, outer), remove(w.cluster, inner)); err != nil {
		return false, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = w.cfg.Link
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: uplinkName, PeerNamespace: netlink.NsFd(w.ns)}
	if err := w.host.LinkAdd(pair); err != nil {
		return false, fmt.Errorf("making link %q: %w", w.cfg.Link, err)
	}
	return true, nil
}

func (w *wiring) ensureHostEnd() (bool, error) {
	link, err := w.host.LinkByName(w.cfg.Link)
	if err != nil {
		return false, fmt.Errorf("finding link %q: %w", w.cfg.Link, err)
	}
	if link.Attrs().Alias != alias(w.cfg.Cluster) {
		if err := w.host.LinkSetAlias(link, alias(w.cfg.Cluster)); err != nil {
			return false, fmt.Errorf("labelling link %q: %w", w.cfg.Link, err)
		}
	}
	mtu, err := outsideMTU(w.host)
	if err != nil {
		return false, err
	}
	return settings{MTU: mtu, Address: w.cfg.HostAddress()}.apply(w.host, link)
}

func (w *wiring) ensureClusterEnd() (bool, error) {
	link, err := w.cluster.LinkByName(uplinkName)
	if err != nil {
		return false, fmt.Errorf("finding the cluster's uplink: %w", err)
	}
	mtu, err := outsideMTU(w.host)
	if err != nil {
		return false, err
	}
	s := settings{MTU: mtu, Address: w.cfg.ClusterAddress(), Default: w.cfg.HostAddress().Addr()}
	changed, err := s.apply(w.cluster, link)
	if err != nil {
		return changed, err
	}
	up, err := loopbackUp(w.cluster)
	return changed || up, err
}

func (w *wiring) ensureBridge() (bool, error) {
	bridge, err := find(w.cluster, bridgeName)
	if err != nil {
		return false, err
	}
	created := bridge == nil
	if created {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = bridgeName
		attrs.HardwareAddr = hardwareAddr(w.cfg.Gateway)
		if err := w.cluster.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return false, fmt.Errorf("making the machines' bridge: %w", err)
		}
		if bridge, err = w.cluster.LinkByName(bridgeName); err != nil {
			return false, fmt.Errorf("finding the machines' bridge: %w", err)
		}
	}
	mtu, err := outsideMTU(w.host)
	if err != nil {
		return false, err
	}
	s := settings{MTU: mtu, Address: netip.PrefixFrom(w.cfg.Gateway, w.cfg.Machines.Bits())}
	changed, err := s.apply(w.cluster, bridge)
	return created || changed, err
}

// ensureForwarding lets packets pass between links on both sides. Frames between machines need not pass the cluster's
// firewall, which holds nothing for them.
func (w *wiring) ensureForwarding() (bool, error) {
	if err := sysctls(map[string]string{"net/ipv4/ip_forward": "1"}); err != nil {
		return false, err
	}
	return false, InNamespace(w.nsFile, func() error {
		return sysctls(map[string]string{
			"net/ipv4/ip_forward":                 "1",
			"net/bridge/bridge-nf-call-iptables":  "0",
			"net/bridge/bridge-nf-call-ip6tables": "0",
		})
	})
}

// alias labels the host's end of an uplink, so that it is found even when the cluster's files are lost.
func alias(cluster string) string { return "slipway " + cluster }

// outsideMTU is the MTU of the link that the host's default route uses, or 0 when it has none.
func outsideMTU(h *netlink.Handle) (int, error) {
	routes, err := h.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return 0, fmt.Errorf("listing the host's routes: %w", err)
	}
	for _, r := range routes {
		if r.Dst != nil && !isDefault(r.Dst) {
			continue
		}
		index := r.LinkIndex
		if index == 0 && len(r.MultiPath) > 0 {
			index = r.MultiPath[0].LinkIndex
		}
		if link, err := h.LinkByIndex(index); err == nil {
			return link.Attrs().MTU, nil
		}
	}
	return 0, nil
}

func isDefault(n *net.IPNet) bool {
	ones, _ := n.Mask.Size()
	return ones == 0
}

// Routes lists the host's IPv4 routes, addresses of its own links included.
func Routes() ([]Route, error) {
	h, err := netlink.NewHandle()
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	defer h.Close()
	routes, err := h.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing the host's routes: %w", err)
	}
	links, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing the host's links: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var out []Route
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		ones, _ := r.Dst.Mask.Size()
		if a, ok := netip.AddrFromSlice(r.Dst.IP.To4()); ok {
			out = append(out, Route{To: netip.PrefixFrom(a, ones), Link: names[r.LinkIndex]})
		}
	}
	return out, nil
}
