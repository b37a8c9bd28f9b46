package engine

import (
	"strings"
	"testing"
	"time"
)

func TestNamesAreDNSLabels(t *testing.T) {
	for name, ok := range map[string]bool{
		"dev": true, "a": true, "dev-control-plane-1": true, "9": true, strings.Repeat("a", 63): true,
		"": false, "Dev": false, "-a": false, "a-": false, "a.b": false, "a_b": false, "../x": false, "a/b": false, "ä": false,
		strings.Repeat("a", 64): false,
	} {
		if err := CheckName("name", name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestBackoffIsImmediateThenDoublesAndForgets(t *testing.T) {
	var b backoff
	var got []time.Duration
	for range 8 {
		got = append(got, b.next(time.Second)/time.Second)
	}
	want := []time.Duration{0, 1, 2, 4, 8, 16, 30, 30}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("pauses are %v, want %v", got, want)
		}
	}
	if d := b.next(provenAfter); d != 0 {
		t.Errorf("after a minute of life the pause is %s, want none", d)
	}
	b = backoff{failures: 1 << 40}
	if d := b.next(0); d != longestPause {
		t.Errorf("after very many failures the pause is %s", d)
	}
}

func TestCapabilitiesAreThoseThatAreBothHeldAndPassedOn(t *testing.T) {
	status := []byte("Name:\tx\nCapPrm:\t0000000000200001\nCapEff:\t0000000000000000\nCapBnd:\t0000000000200003\n")
	caps, err := parseCapabilities(status)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(caps.names(), " "); got != "CAP_CHOWN CAP_SYS_ADMIN" {
		t.Errorf("got %s", got)
	}
	if _, err := parseCapabilities([]byte("Name:\tx\n")); err == nil {
		t.Error("a status without capabilities was understood")
	}
	if capabilityNames[capSysResource] != "CAP_SYS_RESOURCE" {
		t.Error("the number of CAP_SYS_RESOURCE is wrong")
	}
}

func TestAMachineKeepsItsImageNameAndAddress(t *testing.T) {
	have := func() record {
		r := record{MachineSpec: MachineSpec{Cluster: "c", Name: "m", Image: "one", LowerDirs: []string{"/a"}, Address: testAddress(11)}}
		r.defaults()
		return r
	}
	for _, tt := range []struct {
		name              string
		change            func(*MachineSpec)
		conflict, changed bool
	}{
		{name: "nothing", change: func(*MachineSpec) {}},
		{name: "no address asked for", change: func(s *MachineSpec) { s.Address = testAddress(0) }},
		{name: "another image", change: func(s *MachineSpec) { s.Image = "two" }, conflict: true},
		{name: "another address", change: func(s *MachineSpec) { s.Address = testAddress(12) }, conflict: true},
		{name: "another host name", change: func(s *MachineSpec) { s.Hostname = "x" }, conflict: true},
		{name: "the image's layers moved", change: func(s *MachineSpec) { s.LowerDirs = []string{"/b"} }, changed: true},
		{name: "other arguments", change: func(s *MachineSpec) { s.Args = []string{"/x"} }, changed: true},
		{name: "becomes a control plane", change: func(s *MachineSpec) { s.ControlPlane = true }, changed: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := have()
			spec := r.MachineSpec
			tt.change(&spec)
			changed, err := r.update(spec)
			if (err != nil) != tt.conflict || changed != tt.changed {
				t.Errorf("changed %v, error %v", changed, err)
			}
		})
	}
}

func TestRecordsOfMachinesHoldNoUserData(t *testing.T) {
	path := t.TempDir() + "/machine.json"
	if err := writeJSON(path, record{MachineSpec: MachineSpec{UserData: []byte("secret")}}); err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := readJSON(path, &raw); err != nil {
		t.Fatal(err)
	}
	for key := range raw {
		if strings.EqualFold(key, "userdata") {
			t.Error("the record holds the user data")
		}
	}
}

func TestPlacingRefusesAddressesThatAreTaken(t *testing.T) {
	cfg := testNetwork(t)
	others := []record{{MachineSpec: MachineSpec{Name: "a", Address: testAddress(11)}}}
	r := record{MachineSpec: MachineSpec{Name: "b"}}
	if err := place(&r, others, cfg); err != nil || r.Address != testAddress(12) {
		t.Errorf("got %s, %v", r.Address, err)
	}
	r = record{MachineSpec: MachineSpec{Name: "b", Address: testAddress(11)}}
	if err := place(&r, others, cfg); err == nil {
		t.Error("two machines got the same address")
	}
	r = record{MachineSpec: MachineSpec{Name: "a", Address: testAddress(11)}}
	if err := place(&r, others, cfg); err != nil {
		t.Errorf("a machine was refused its own address: %v", err)
	}
}
