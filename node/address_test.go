package node

import "testing"

const (
	routes4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100050A	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth0	0000050A	00000000	0001	0	0	0	00FFFFFF	0	0	0
`
	trie4 = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
Local:
  +-- 10.5.0.0/24 2 0 2
     |-- 10.5.0.7
        /32 host LOCAL
     |-- 10.5.0.255
        /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.17.0.1
        /32 host LOCAL
`
	routes6 = `00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
`
	addresses6 = `00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000000000000000ab 02 40 20 80     eth0
20010db80000000000000000000000ab 02 40 00 80     eth0
`
)

func TestTheAddressIsThatOfTheDefaultRoutesInterface(t *testing.T) {
	if got := addressV4(routes4, trie4); got.String() != "10.5.0.7" {
		t.Errorf("IPv4: %s", got)
	}
	if got := addressV6(routes6, addresses6); got.String() != "2001:db8::ab" {
		t.Errorf("IPv6: %s", got)
	}
}

func TestAMachineWithoutADefaultRouteHasNoAddress(t *testing.T) {
	if got := addressV4("Iface Destination\n", trie4); got.IsValid() {
		t.Errorf("got %s", got)
	}
	if got := addressV6("", addresses6); got.IsValid() {
		t.Errorf("got %s", got)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add(routes4, trie4)
	f.Add(routes6, addresses6)
	f.Fuzz(func(_ *testing.T, a, b string) {
		addressV4(a, b)
		addressV6(a, b)
	})
}
