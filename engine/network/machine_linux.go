package network

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Attach gives a machine a fresh network namespace, bound to file, with a link into the cluster's bridge. Whatever the machine
// had before (links of pods, firewall rules) is gone, as after a boot. The cluster's own network must be there.
func Attach(ctx context.Context, cfg Config, nsFile string, e Endpoint, file string) error {
	if err := Detach(ctx, cfg, nsFile, e, file); err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("attaching machine %q to its network: %w", e.Machine, err) }
	if _, err := ensureNamespace(file); err != nil {
		return fail(err)
	}
	w, err := open(nsFile)
	if err != nil {
		return fail(err)
	}
	defer w.close()
	w.cfg = cfg
	if err := w.plug(e, file); err != nil {
		return fail(err)
	}
	return nil
}

// Replug gives a machine that runs its link again if the cluster's network has lost it, and says whether it had. The
// machine's own namespace, file, stays as it is.
func Replug(_ context.Context, cfg Config, nsFile string, e Endpoint, file string) (changed bool, err error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("attaching machine %q to its network again: %w", e.Machine, err)
	}
	w, err := open(nsFile)
	if err != nil {
		return fail(err)
	}
	defer w.close()
	w.cfg = cfg
	port, err := find(w.cluster, cfg.port(e.Address))
	if err != nil {
		return fail(err)
	}
	if port != nil {
		return false, nil
	}
	// The kernel may not have got round to removing the other end of the pair that is gone.
	if err := removeIn(file, "eth0"); err != nil {
		return fail(err)
	}
	if err := w.plug(e, file); err != nil {
		return fail(err)
	}
	return true, nil
}

// plug makes the pair of links, one end in the bridge and the other in the machine.
func (w *wiring) plug(e Endpoint, file string) error {
	ns, err := netns.GetFromPath(file)
	if err != nil {
		return fmt.Errorf("opening network namespace %q: %w", file, err)
	}
	defer ns.Close()
	bridge, err := w.cluster.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("finding the machines' bridge: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = w.cfg.port(e.Address)
	attrs.MTU = bridge.Attrs().MTU
	attrs.MasterIndex = bridge.Attrs().Index
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerHardwareAddr: hardwareAddr(e.Address), PeerNamespace: netlink.NsFd(ns)}
	if err := w.cluster.LinkAdd(pair); err != nil {
		return fmt.Errorf("making link %q: %w", attrs.Name, err)
	}
	if err := w.cluster.LinkSetUp(pair); err != nil {
		return fmt.Errorf("setting link %q up: %w", attrs.Name, err)
	}
	return w.configure(e, file, ns, bridge.Attrs().MTU)
}

// configure sets up the inside of a machine's namespace.
func (w *wiring) configure(e Endpoint, file string, ns netns.NsHandle, mtu int) error {
	inside, err := netlink.NewHandleAt(ns)
	if err != nil {
		return fmt.Errorf("opening netlink in %q: %w", file, err)
	}
	defer inside.Close()
	link, err := inside.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("finding the machine's link: %w", err)
	}
	s := settings{MTU: mtu, Address: netip.PrefixFrom(e.Address, w.cfg.Machines.Bits()), Default: w.cfg.Gateway}
	if _, err := s.apply(inside, link); err != nil {
		return err
	}
	if _, err := loopbackUp(inside); err != nil {
		return err
	}
	return InNamespace(file, func() error { return sysctls(map[string]string{"net/ipv4/ip_forward": "1"}) })
}

// Detach takes a machine's link and namespace away. It is safe to repeat, and with a cluster network that is gone.
func Detach(_ context.Context, cfg Config, nsFile string, e Endpoint, file string) error {
	fail := func(err error) error { return fmt.Errorf("detaching machine %q from its network: %w", e.Machine, err) }
	there, err := isNamespace(nsFile)
	if err != nil {
		return fail(err)
	}
	if there && e.Address.IsValid() {
		// The kernel removes links of a dead namespace late; doing it here frees the name at once.
		if err := removeIn(nsFile, cfg.port(e.Address)); err != nil {
			return fail(err)
		}
	}
	if err := removeNamespace(file); err != nil {
		return fail(err)
	}
	return nil
}

// removeIn removes a link in the namespace bound to file, if it is there.
func removeIn(file, name string) error {
	ns, err := netns.GetFromPath(file)
	if err != nil {
		return fmt.Errorf("opening network namespace %q: %w", file, err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return fmt.Errorf("opening netlink in %q: %w", file, err)
	}
	defer h.Close()
	link, err := find(h, name)
	if err != nil {
		return err
	}
	return remove(h, link)
}
