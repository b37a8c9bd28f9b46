package engine

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"testing"

	"github.com/slipway-dev/slipway/engine/network"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testAddress(n byte) netip.Addr {
	if n == 0 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{10, 213, 0, n})
}

func testNetwork(t *testing.T) network.Config {
	t.Helper()
	cfg, err := network.New("dev", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestTheContainerOfAMachineIsAsRecorded(t *testing.T) {
	e := &Engine{}
	r := record{MachineSpec: MachineSpec{
		Cluster: "dev", Name: "dev-control-plane-1", Address: testAddress(11), Env: []string{"A=b"},
		Mounts: []Mount{{Source: "/src", Target: "/dst", ReadOnly: true}, {Source: "/rw", Target: "/rw"}},
	}}
	r.defaults()
	for name, facts := range map[string]hostFacts{
		"full":     {Capabilities: 1<<41 - 1, OpenFiles: 1 << 20, Modules: true, Fuse: true, Tun: true},
		"confined": {Capabilities: 1<<41 - 1 - 1<<capSysResource, OpenFiles: 20000},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(renderSpec(r, e.machine("dev", r.Name), facts), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := "testdata/spec-" + name + ".json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs (run with -update if that is meant):\n%s", golden, got)
			}
		})
	}
}
