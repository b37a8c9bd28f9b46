package network

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// ifNameSize is the kernel's IFNAMSIZ: interface names are compared as 16 bytes padded with zeros.
const ifNameSize = 16

// table names the table that holds all of a cluster's rules, on the host and in the cluster's namespace.
func table(cluster string) string { return "slipway-" + cluster }

// ensureMasquerade hides the machines behind the cluster's uplink, and the uplink behind the host. The first makes the same
// addresses possible in every cluster, the second is what any private network needs.
func (w *wiring) ensureMasquerade() (bool, error) {
	outside := masquerade{
		table: table(w.cfg.Cluster),
		note:  fmt.Sprintf("slipway %s from %s", w.cfg.Cluster, w.cfg.Uplink.Masked()),
		match: slices.Concat(fromPrefix(w.cfg.Uplink.Masked()), oifname(expr.CmpOpNeq, w.cfg.Link)),
	}
	inside := masquerade{
		table: table(w.cfg.Cluster),
		note:  fmt.Sprintf("slipway %s to %s", w.cfg.Cluster, uplinkName),
		match: oifname(expr.CmpOpEq, uplinkName),
	}
	host, err := outside.ensure()
	if err != nil {
		return false, fmt.Errorf("masquerading on the host: %w", err)
	}
	cluster, err := inside.ensure(nftables.WithNetNSFd(int(w.ns)))
	if err != nil {
		return host, fmt.Errorf("masquerading in the cluster: %w", err)
	}
	return host || cluster, nil
}

// masquerade is a table with one rule that hides what matches behind the address of the link it leaves by.
type masquerade struct {
	table string
	note  string // identifies the rule, so that one that is right is left alone
	match []expr.Any
}

func (m masquerade) ensure(at ...nftables.ConnOption) (changed bool, err error) {
	conn, err := nftables.New(at...)
	if err != nil {
		return false, fmt.Errorf("opening nftables: %w", err)
	}
	there, err := m.there(conn)
	if there || err != nil {
		return false, err
	}
	// One transaction: add, so that the deletion cannot fail, delete whatever was there, and build anew.
	t := conn.AddTable(&nftables.Table{Name: m.table, Family: nftables.TableFamilyIPv4})
	conn.DelTable(t)
	t = conn.AddTable(&nftables.Table{Name: m.table, Family: nftables.TableFamilyIPv4})
	chain := conn.AddChain(&nftables.Chain{
		Name: "postrouting", Table: t, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	conn.AddRule(&nftables.Rule{
		Table: t, Chain: chain, UserData: note(m.note),
		Exprs: append(slices.Clone(m.match), &expr.Masq{}),
	})
	if err := conn.Flush(); err != nil {
		return false, fmt.Errorf("writing nftables table %q: %w", m.table, err)
	}
	return true, nil
}

func (m masquerade) there(conn *nftables.Conn) (bool, error) {
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return false, fmt.Errorf("listing nftables chains: %w", err)
	}
	for _, c := range chains {
		if c.Table.Name != m.table || c.Name != "postrouting" {
			continue
		}
		rules, err := conn.GetRules(c.Table, c)
		if err != nil {
			return false, fmt.Errorf("listing nftables rules of %q: %w", m.table, err)
		}
		return len(rules) == 1 && noteOf(rules[0]) == m.note, nil
	}
	return false, nil
}

// deleteTable removes the cluster's table from the host.
func deleteTable(cluster string) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return fmt.Errorf("listing nftables tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == table(cluster) {
			conn.DelTable(t)
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("removing nftables table %q: %w", table(cluster), err)
	}
	return nil
}

func fromPrefix(p netip.Prefix) []expr.Any {
	mask := net.CIDRMask(p.Bits(), 32)
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}, // IPv4 source address
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Masked().Addr().AsSlice()},
	}
}

func oifname(op expr.CmpOp, name string) []expr.Any { return ifname(expr.MetaKeyOIFNAME, op, name) }

func ifname(key expr.MetaKey, op expr.CmpOp, name string) []expr.Any {
	padded := make([]byte, ifNameSize)
	copy(padded, name)
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: op, Register: 1, Data: padded},
	}
}

func note(s string) []byte { return userdata.AppendString(nil, userdata.TypeComment, s) }

func noteOf(r *nftables.Rule) string {
	s, _ := userdata.GetString(r.UserData, userdata.TypeComment)
	return s
}
