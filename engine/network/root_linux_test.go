package network

import (
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inHost runs a test in a network namespace that plays the host, with a link to the outside.
func inHost(t *testing.T, do func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: making network namespaces needs root")
	}
	err := onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = "outside", 1400
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		link, err := netlink.LinkByName("outside")
		if err != nil {
			return err
		}
		h, err := netlink.NewHandle()
		if err != nil {
			return err
		}
		defer h.Close()
		s := settings{Address: netip.MustParsePrefix("192.0.2.2/24"), Default: netip.MustParseAddr("192.0.2.1")}
		if _, err := s.apply(h, link); err != nil {
			return err
		}
		return do()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newConfig(t *testing.T) Config {
	t.Helper()
	cfg, err := New("test", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestEnsuringTwiceChangesNothingAndDeletingLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ns, machine := filepath.Join(dir, "_cluster"), filepath.Join(dir, "m1")
	cfg := newConfig(t)
	inHost(t, func() error {
		for i, want := range []bool{true, false} {
			changed, warnings, err := Ensure(t.Context(), cfg, ns)
			if err != nil {
				return err
			}
			if changed != want || len(warnings) > 0 {
				t.Errorf("round %d: changed %v, warnings %q", i, changed, warnings)
			}
		}
		link, err := netlink.LinkByName(cfg.Link)
		if err != nil {
			return err
		}
		if link.Attrs().MTU != 1400 {
			t.Errorf("the MTU is %d, want that of the link to the outside", link.Attrs().MTU)
		}
		endpoint := Endpoint{Machine: "m1", Address: netip.MustParseAddr("10.213.0.11")}
		for range 2 { // the second is a machine that starts again
			if err := Attach(t.Context(), cfg, ns, endpoint, machine); err != nil {
				return err
			}
		}
		if err := Delete(t.Context(), cfg.Cluster, cfg.Link, dir); err != nil {
			return err
		}
		links, err := netlink.LinkList()
		if err != nil {
			return err
		}
		if len(links) != 2 { // lo and outside
			t.Errorf("%d links are left", len(links))
		}
		left, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		return Delete(t.Context(), cfg.Cluster, cfg.Link, dir)
	})
}

func TestAHalfMadeUplinkIsMended(t *testing.T) {
	dir := t.TempDir()
	ns := filepath.Join(dir, "_cluster")
	cfg := newConfig(t)
	inHost(t, func() error {
		if _, _, err := Ensure(t.Context(), cfg, ns); err != nil {
			return err
		}
		if err := removeNamespace(ns); err != nil { // the kernel takes its links away when it pleases
			return err
		}
		changed, _, err := Ensure(t.Context(), cfg, ns)
		if err != nil || !changed {
			t.Errorf("changed %v, %v", changed, err)
		}
		return Delete(t.Context(), cfg.Cluster, cfg.Link, dir)
	})
}

func TestADroppingFirewallIsOpenedForTheClusterOnly(t *testing.T) {
	cfg := newConfig(t)
	for _, docker := range []bool{false, true} {
		inHost(t, func() error {
			conn, err := nftables.New()
			if err != nil {
				return err
			}
			drop := nftables.ChainPolicyDrop
			table := conn.AddTable(&nftables.Table{Name: filterTable, Family: nftables.TableFamilyIPv4})
			chain := conn.AddChain(&nftables.Chain{
				Name: forward, Table: table, Type: nftables.ChainTypeFilter,
				Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &drop,
			})
			if docker {
				chain = conn.AddChain(&nftables.Chain{Name: dockerUser, Table: table})
			}
			other := conn.AddTable(&nftables.Table{Name: "corporate", Family: nftables.TableFamilyINet})
			conn.AddChain(&nftables.Chain{
				Name: "fwd", Table: other, Type: nftables.ChainTypeFilter,
				Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &drop,
			})
			if err := conn.Flush(); err != nil {
				return err
			}
			count := func() int {
				rules, err := conn.GetRules(table, chain)
				if err != nil {
					t.Error(err)
				}
				return len(rules)
			}
			for range 2 {
				warnings, err := openFirewall(cfg)
				if err != nil {
					return err
				}
				if len(warnings) != 1 {
					t.Errorf("warnings are %q, want one about the corporate firewall", warnings)
				}
				if n := count(); n != 2 {
					t.Errorf("docker %v: %d rules, want one for each direction", docker, n)
				}
			}
			if err := closeFirewall("other"); err != nil || count() != 2 {
				t.Errorf("deleting another cluster closed the firewall: %v", err)
			}
			if err := closeFirewall(cfg.Cluster); err != nil || count() != 0 {
				t.Errorf("%d rules are left, %v", count(), err)
			}
			return nil
		})
	}
}

func TestThreadsInNamespacesDoNotStay(t *testing.T) {
	dir := t.TempDir()
	ns := filepath.Join(dir, "_cluster")
	inHost(t, func() error {
		if _, err := ensureNamespace(ns); err != nil {
			return err
		}
		const many = 100
		before := threads(t)
		var inside, left sync.WaitGroup
		leave := make(chan struct{})
		inside.Add(many)
		for range many {
			left.Go(func() {
				_ = InNamespace(ns, func() error { inside.Done(); <-leave; return nil })
			})
		}
		inside.Wait()
		close(leave)
		left.Wait()
		for deadline := time.Now().Add(5 * time.Second); threads(t) > before+many/4; {
			if time.Now().After(deadline) {
				t.Errorf("there were %d threads, and %d are left", before, threads(t))
				break
			}
			time.Sleep(time.Millisecond)
		}
		return removeNamespace(ns)
	})
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
