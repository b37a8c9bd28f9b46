package network

import (
	"context"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Result says whether a feature of the kernel works, and which module has it.
type Result struct {
	Feature, Module string
	Err             error
}

// Try finds out whether the kernel has what a cluster's network needs, by using each feature once in a namespace that is gone
// afterwards. The error is about that namespace itself.
func Try(ctx context.Context) ([]Result, error) {
	results := []Result{
		{Feature: "veth", Module: "veth"}, {Feature: "bridge", Module: "bridge"}, {Feature: "nftables masquerade", Module: "nft_masq"},
	}
	tries := []func() error{tryVeth, tryBridge, tryMasquerade}
	enter := func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		return nil
	}
	err := onThread(enter, func() error {
		for i, try := range tries {
			if err := ctx.Err(); err != nil {
				return err
			}
			results[i].Err = try()
		}
		return nil
	})
	return results, err
}

func tryVeth() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "try0"
	return tryLink(&netlink.Veth{LinkAttrs: attrs, PeerName: "try1"})
}

func tryBridge() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "try2"
	return tryLink(&netlink.Bridge{LinkAttrs: attrs})
}

func tryLink(link netlink.Link) error {
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("making a %s link: %w", link.Type(), err)
	}
	return nil
}

func tryMasquerade() error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	t := conn.AddTable(&nftables.Table{Name: "slipway-try", Family: nftables.TableFamilyIPv4})
	chain := conn.AddChain(&nftables.Chain{
		Name: "postrouting", Table: t, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	conn.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{&expr.Masq{}}})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("masquerading with nftables: %w", err)
	}
	return nil
}
