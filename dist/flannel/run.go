package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw" // Backend.Type host-gw
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"  // Backend.Type vxlan
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/trafficmngr/nftables"
	"k8s.io/klog/v2"
)

// run brings the node's pod network up and keeps it until ctx ends. Returning nil means that it was asked to stop; the
// network stays as it is then, so that pods go on talking while flanneld is replaced.
func run(ctx context.Context, o options) error {
	ready, err := serveHealth(ctx, o.healthzIP, o.healthzPort)
	if err != nil {
		return err
	}
	leases, err := connect(ctx, o)
	if err != nil {
		return err
	}
	config := leases.config
	if !config.EnableNFTables {
		return fmt.Errorf("%s has EnableNFTables off, and this build of flannel knows no iptables", o.netConf)
	}
	iface, err := externalInterface(ctx, o, config, leases)
	if err != nil {
		return stopped(ctx, fmt.Errorf("looking for the interface that reaches the other nodes: %w", err))
	}

	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	be, err := backend.NewManager(ctx, leases, iface).GetBackend(config.BackendType)
	if err != nil {
		return fmt.Errorf("backend %q: %w", config.BackendType, err)
	}
	network, err := be.RegisterNetwork(ctx, &running, config)
	if err != nil {
		return stopped(ctx, fmt.Errorf("setting up backend %q: %w", config.BackendType, err))
	}
	if err := allowTraffic(ctx, o, config, network); err != nil {
		return stopped(ctx, err)
	}
	if err := publish(o, config, leases, network); err != nil {
		return err
	}
	running.Go(func() { network.Run(ctx) })
	if err := leases.CompleteLease(ctx, network.Lease(), &running); err != nil {
		return stopped(ctx, fmt.Errorf("telling the Kubernetes API that the node has its network: %w", err))
	}
	ready.Store(true)
	klog.InfoS("Flannel is ready", "subnet", network.Lease().Subnet, "mtu", network.MTU(), "cniConf", o.cniConf)
	<-ctx.Done()
	return nil
}

// stopped turns an error into nil when it is only the echo of being asked to stop.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// allowTraffic lets packets from and to pods through the node's firewall and hides pods behind the node's address for the
// world outside. Both sets of rules are made anew, so a former lease leaves none behind.
func allowTraffic(ctx context.Context, o options, config *subnet.Config, network backend.Network) error {
	var rules nftables.NFTablesManager
	if err := rules.Init(ctx); err != nil {
		return fmt.Errorf("setting up nftables: %w", err)
	}
	if o.ipMasq {
		err := rules.SetupAndEnsureMasqRules(ctx, config.Network, ip.IP4Net{}, ip.IP4Net{}, config.IPv6Network, ip.IP6Net{}, ip.IP6Net{},
			network.Lease(), 0, o.plainMasq)
		if err != nil {
			return fmt.Errorf("setting up masquerading: %w", err)
		}
	}
	if o.forwardRules {
		rules.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, 0)
	}
	return nil
}

// publish tells the lease to those who wait for it: other programs by the subnet file, the container runtime by the CNI
// configuration, last, because its appearance makes the node Ready.
func publish(o options, config *subnet.Config, leases subnet.Manager, network backend.Network) error {
	l := network.Lease()
	if err := leases.HandleSubnetFile(o.subnetFile, config, o.ipMasq, l.Subnet, l.IPv6Subnet, network.MTU()); err != nil {
		return fmt.Errorf("writing the lease to %q: %w", o.subnetFile, err)
	}
	if o.cniConf == "" {
		return nil
	}
	conf, err := cniConfig(config, l, network.MTU())
	if err != nil {
		return err
	}
	if err := replaceFile(o.cniConf, conf); err != nil {
		return fmt.Errorf("writing the CNI configuration: %w", err)
	}
	return nil
}

// externalInterface finds the interface that reaches the other nodes: as the node's annotations say, else as the flags say,
// else the one with the default route.
func externalInterface(ctx context.Context, o options, config *subnet.Config, leases subnet.Manager) (*backend.ExternalInterface, error) {
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	if err != nil {
		return nil, err
	}
	public := ipmatch.PublicIPOpts{PublicIP: o.publicIP, PublicIPv6: o.publicIPv6}
	if v4, v6 := leases.GetStoredPublicIP(ctx); v4 != "" || v6 != "" {
		public = ipmatch.PublicIPOpts{PublicIP: v4, PublicIPv6: v6}
	}
	var tried []error
	for _, w := range o.wishes(public) {
		iface, err := ipmatch.LookupExtIface(w.name, w.regex, w.reach, stack, public)
		if err == nil && iface != nil {
			return iface, nil
		}
		tried = append(tried, err)
	}
	return nil, errors.Join(tried...)
}

// wish is one way to name an interface; the empty wish is the default route's.
type wish struct{ name, regex, reach string }

func (o options) wishes(public ipmatch.PublicIPOpts) []wish {
	var all []wish
	for _, name := range o.ifaces {
		all = append(all, wish{name: name})
	}
	for _, regex := range o.ifaceRegexes {
		all = append(all, wish{regex: regex})
	}
	if o.ifaceReach != "" {
		all = append(all, wish{reach: o.ifaceReach})
	}
	if all != nil {
		return all
	}
	if public.PublicIP != "" {
		return []wish{{name: public.PublicIP}}
	}
	return []wish{{name: public.PublicIPv6}}
}
