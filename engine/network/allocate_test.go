package network

import (
	"errors"
	"net/netip"
	"testing"
)

func prefixes(s ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func TestUplinksAvoidOtherClustersAndTheHostsRoutes(t *testing.T) {
	for _, tt := range []struct {
		name          string
		taken, routes []netip.Prefix
		want          string
		err           error
	}{
		{name: "the first on an empty host", want: "10.213.128.0/30"},
		{name: "the next beside another cluster", taken: prefixes("10.213.128.0/30"), want: "10.213.128.4/30"},
		{name: "a gap is filled", taken: prefixes("10.213.128.0/30", "10.213.128.8/30"), want: "10.213.128.4/30"},
		{name: "around a network of the host", routes: prefixes("10.213.128.0/24"), want: "10.213.129.0/30"},
		{name: "around a single address", routes: prefixes("10.213.128.1/32"), want: "10.213.128.4/30"},
		{name: "a wide VPN route is no obstacle", routes: prefixes("10.0.0.0/8", "0.0.0.0/0"), want: "10.213.128.0/30"},
		{name: "unrelated routes", routes: prefixes("192.168.0.0/16", "172.17.0.0/16"), want: "10.213.128.0/30"},
		{name: "the whole range is a network of the host", routes: prefixes("10.213.128.0/17"), err: ErrExhausted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := New("dev", tt.taken, tt.routes)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && cfg.Uplink.String() != tt.want {
				t.Errorf("got %s, want %s", cfg.Uplink, tt.want)
			}
		})
	}
}

func TestEveryClusterHasTheSameInside(t *testing.T) {
	a, err1 := New("a", nil, nil)
	b, err2 := New("b", prefixes("10.213.128.0/30"), nil)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if a.Machines != b.Machines || a.Gateway != b.Gateway || a.Gateway.String() != "10.213.0.1" {
		t.Errorf("%+v and %+v differ inside", a, b)
	}
	if a.Link == b.Link || a.HostAddress() == b.HostAddress() {
		t.Errorf("%+v and %+v share what the host must tell apart", a, b)
	}
	if b.Link != "slip1" || b.HostAddress().String() != "10.213.128.5/30" || b.ClusterAddress().String() != "10.213.128.6/30" {
		t.Errorf("got %+v", b)
	}
	if last := "slip8191"; len(last) >= 16 {
		t.Errorf("%s is too long for the name of a link", last)
	}
}

func TestAnUplinkConflictsOnlyWithRoutesOfOthers(t *testing.T) {
	cfg, err := New("a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := Route{To: netip.MustParsePrefix("10.213.128.0/30"), Link: cfg.Link}
	wide := Route{To: netip.MustParsePrefix("10.0.0.0/8"), Link: "tun0"}
	if r, bad := cfg.Conflict([]Route{own, wide}); bad {
		t.Errorf("conflict with %+v", r)
	}
	other := Route{To: netip.MustParsePrefix("10.213.128.0/24"), Link: "eth1"}
	if r, bad := cfg.Conflict([]Route{own, other}); !bad || r != other {
		t.Errorf("no conflict with %+v", other)
	}
}

func TestMachinesBeginAtEleven(t *testing.T) {
	cfg, err := New("a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var taken []netip.Addr
	for range 244 {
		a, err := cfg.FreeMachine(taken)
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.CheckMachine(a); err != nil {
			t.Fatalf("an address that was given is refused: %v", err)
		}
		taken = append(taken, a)
	}
	if taken[0].String() != "10.213.0.11" || taken[243].String() != "10.213.0.254" {
		t.Errorf("from %s to %s", taken[0], taken[243])
	}
	if _, err := cfg.FreeMachine(taken); !errors.Is(err, ErrExhausted) {
		t.Errorf("got %v, want ErrExhausted", err)
	}
	if got := cfg.port(taken[0]); got != "m11" {
		t.Errorf("the port of %s is %s", taken[0], got)
	}
	for _, bad := range []string{"10.213.0.0", "10.213.0.1", "10.213.0.10", "10.213.0.255", "10.213.1.11", "::1"} {
		if cfg.CheckMachine(netip.MustParseAddr(bad)) == nil {
			t.Errorf("a machine can have %s", bad)
		}
	}
}
