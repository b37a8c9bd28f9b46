package network

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// A packet must be accepted by every table, so accepting it in ours does not help where another firewall drops it. Docker's
// does: it sets the policy of filter/FORWARD to drop. There, and only there, the cluster's link is let through in the chain
// that is meant for it; other firewalls that drop are named to the person.
const (
	filterTable = "filter"
	forward     = "FORWARD"
	dockerUser  = "DOCKER-USER" // Docker's own hook for rules of others: it comes first, and Docker keeps it over restarts
)

// openFirewall lets the cluster's link through a dropping FORWARD chain, and returns warnings for what it cannot change.
func openFirewall(cfg Config) (warnings []string, err error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("opening nftables: %w", err)
	}
	dropping, err := forwardDrops(conn)
	if err != nil {
		return nil, err
	}
	for _, c := range dropping {
		if c.Table.Name != filterTable || c.Name != forward || c.Table.Family != nftables.TableFamilyIPv4 {
			warnings = append(warnings, fmt.Sprintf("the firewall chain %s/%s drops forwarded packets by policy: if machines do not reach "+
				"the outside, let the links slip* through it", c.Table.Name, c.Name))
			continue
		}
		if err := letThrough(conn, c, cfg); err != nil {
			warnings = append(warnings, fmt.Sprintf("the firewall drops forwarded packets and cannot be opened for link %s: %v", cfg.Link, err))
		}
	}
	return warnings, nil
}

// ForwardDrops lists the host's firewall chains that drop forwarded packets by policy, as "table/chain".
func ForwardDrops() ([]string, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("opening nftables: %w", err)
	}
	chains, err := forwardDrops(conn)
	var names []string
	for _, c := range chains {
		names = append(names, c.Table.Name+"/"+c.Name)
	}
	return names, err
}

func forwardDrops(conn *nftables.Conn) ([]*nftables.Chain, error) {
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("listing firewall chains: %w", err)
	}
	return slices.DeleteFunc(chains, func(c *nftables.Chain) bool {
		ipv4 := c.Table.Family == nftables.TableFamilyIPv4 || c.Table.Family == nftables.TableFamilyINet
		hooked := c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookForward
		return !ipv4 || !hooked || c.Policy == nil || *c.Policy != nftables.ChainPolicyDrop
	}), nil
}

// letThrough inserts one accepting rule for each direction, unless they are there.
func letThrough(conn *nftables.Conn, base *nftables.Chain, cfg Config) error {
	chain := base
	if user, err := conn.ListChain(base.Table, dockerUser); err == nil && user != nil {
		chain = user
	}
	rules, err := conn.GetRules(base.Table, chain)
	if err != nil {
		return fmt.Errorf("listing the rules of %s/%s: %w", base.Table.Name, chain.Name, err)
	}
	for _, key := range []expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME} {
		text := throughNote(cfg.Cluster, key)
		if slices.ContainsFunc(rules, func(r *nftables.Rule) bool { return noteOf(r) == text }) {
			continue
		}
		conn.InsertRule(&nftables.Rule{
			Table: base.Table, Chain: chain, UserData: note(text),
			Exprs: append(ifname(key, expr.CmpOpEq, cfg.Link), &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept}),
		})
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("writing rules to %s/%s: %w", base.Table.Name, chain.Name, err)
	}
	return nil
}

func throughNote(cluster string, key expr.MetaKey) string {
	if key == expr.MetaKeyIIFNAME {
		return "slipway " + cluster + " out"
	}
	return "slipway " + cluster + " in"
}

// closeFirewall removes what letThrough inserted, from either chain.
func closeFirewall(cluster string) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return fmt.Errorf("listing firewall chains: %w", err)
	}
	ours := []string{throughNote(cluster, expr.MetaKeyIIFNAME), throughNote(cluster, expr.MetaKeyOIFNAME)}
	for _, c := range chains {
		if c.Table.Name != filterTable || (c.Name != forward && c.Name != dockerUser) {
			continue
		}
		rules, err := conn.GetRules(c.Table, c)
		if err != nil {
			return fmt.Errorf("listing the rules of %s/%s: %w", c.Table.Name, c.Name, err)
		}
		for _, r := range rules {
			if !slices.Contains(ours, noteOf(r)) {
				continue
			}
			if err := conn.DelRule(r); err != nil {
				return fmt.Errorf("removing a rule of %s/%s: %w", c.Table.Name, c.Name, err)
			}
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("removing firewall rules of cluster %q: %w", cluster, err)
	}
	return nil
}
