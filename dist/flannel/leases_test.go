package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestMain(m *testing.M) {
	os.Setenv("KUBE_FEATURE_WatchListClient", "false") // the fake API server cannot stream a list
	os.Exit(m.Run())
}

const prefix = "flannel.alpha.coreos.com/"

func testLeases(t *testing.T, nodes ...*v1.Node) *leases {
	t.Helper()
	config, err := subnet.ParseConfig(`{"Network":"10.244.0.0/16","EnableNFTables":true,"Backend":{"Type":"vxlan"}}`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := namesWith("flannel.alpha.coreos.com")
	if err != nil {
		t.Fatal(err)
	}
	l := &leases{config: config, names: names, node: "a", nodes: fake.NewClientset().CoreV1().Nodes(), setUnavailable: true}
	for _, n := range nodes {
		if _, err := l.nodes.Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	l.watch(t.Context())
	return l
}

func bare(name, cidr string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.NodeSpec{PodCIDR: cidr}}
	if cidr != "" {
		n.Spec.PodCIDRs = []string{cidr}
	}
	return n
}

func published(name, cidr, address string) *v1.Node {
	n := bare(name, cidr)
	n.Annotations = map[string]string{
		prefix + "kube-subnet-manager": "true",
		prefix + "backend-type":        "vxlan",
		prefix + "backend-data":        `{"VNI":1,"VtepMAC":"12:c6:65:89:b4:e3"}`,
		prefix + "public-ip":           address,
	}
	return n
}

var attrs = lease.LeaseAttrs{BackendType: "vxlan", PublicIP: ip.MustParseIP4("10.9.0.2"), BackendData: json.RawMessage(`{"VNI":1}`)}

func TestLeaseIsAcquiredAsSoonAsThePodCIDRComes(t *testing.T) {
	l := testLeases(t, bare("a", ""))
	done := make(chan *lease.Lease)
	go func() {
		acquired, err := l.AcquireLease(t.Context(), &attrs)
		if err != nil {
			t.Error(err)
		}
		done <- acquired
	}()
	if _, err := l.nodes.Update(t.Context(), bare("a", "10.244.3.0/24"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case acquired := <-done:
		if acquired.Subnet.String() != "10.244.3.0/24" {
			t.Errorf("got %s", acquired.Subnet)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still waiting")
	}
	node, err := l.nodes.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"kube-subnet-manager": "true", "backend-type": "vxlan", "backend-data": `{"VNI":1}`, "public-ip": "10.9.0.2"} {
		if got := node.Annotations[prefix+name]; got != want {
			t.Errorf("annotation %s is %q, want %q", name, got, want)
		}
	}
}

func TestLeaseOutsideOfTheNetworkIsRefused(t *testing.T) {
	l := testLeases(t, bare("a", "192.168.0.0/24"))
	if _, err := l.AcquireLease(t.Context(), &attrs); err == nil || !strings.Contains(err.Error(), "outside of flannel's network") {
		t.Errorf("got %v", err)
	}
}

func TestWaitingForALeaseEndsWithItsContext(t *testing.T) {
	l := testLeases(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.AcquireLease(ctx, &attrs); err == nil {
		t.Error("a lease for a node that is not there")
	}
}

func TestAdministratorsAddressIsPublished(t *testing.T) {
	n := bare("a", "10.244.3.0/24")
	n.Annotations = map[string]string{prefix + "public-ip-overwrite": "203.0.113.7"}
	l := testLeases(t, n)
	if _, err := l.AcquireLease(t.Context(), &attrs); err != nil {
		t.Fatal(err)
	}
	node, err := l.nodes.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || node.Annotations[prefix+"public-ip"] != "203.0.113.7" {
		t.Errorf("published %q, %v", node.Annotations[prefix+"public-ip"], err)
	}
}

func TestBackendIsToldOfNodesThatComeAndGo(t *testing.T) {
	l := testLeases(t, published("b", "10.244.1.0/24", "10.9.0.3"), bare("unmanaged", "10.244.9.0/24"))
	results := make(chan []lease.LeaseWatchResult)
	ctx, cancel := context.WithCancel(t.Context())
	go l.WatchLeases(ctx, results)
	next := func() lease.Event {
		t.Helper()
		select {
		case r := <-results:
			return r[0].Events[0]
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was told")
			return lease.Event{}
		}
	}
	if e := next(); e.Type != lease.EventAdded || e.Lease.Attrs.PublicIP.String() != "10.9.0.3" || !e.Lease.EnableIPv4 {
		t.Errorf("told %+v", e)
	}
	if _, err := l.nodes.Update(t.Context(), published("b", "10.244.1.0/24", "10.9.0.33"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := next(); e.Lease.Attrs.PublicIP.String() != "10.9.0.33" {
		t.Errorf("told %+v", e)
	}
	if err := l.nodes.Delete(t.Context(), "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := next(); e.Type != lease.EventRemoved || e.Lease.Subnet.String() != "10.244.1.0/24" {
		t.Errorf("told %+v", e)
	}
	cancel()
	for range results { // ends when the channel is closed, which ends the backend
	}
}

func TestHardwareAddressSurvivesARestart(t *testing.T) {
	l := testLeases(t, published("a", "10.244.1.0/24", "10.9.0.3"))
	if v4, v6 := l.GetStoredMacAddresses(t.Context()); v4 != "12:c6:65:89:b4:e3" || v6 != "" {
		t.Errorf("got %q and %q", v4, v6)
	}
}

func TestPrefixIsCompletedAsUpstreamDoes(t *testing.T) {
	for given, want := range map[string]string{
		"flannel.alpha.coreos.com": "flannel.alpha.coreos.com/public-ip", "example.org/mine": "example.org/mine-public-ip", "example.org/mine-": "example.org/mine-public-ip",
	} {
		if got, err := namesWith(given); err != nil || got.publicIP != want {
			t.Errorf("%q makes %q, %v", given, got.publicIP, err)
		}
	}
	for _, given := range []string{"nodomain", "a.b/c/d", "A.B/", ""} {
		if _, err := namesWith(given); err == nil {
			t.Errorf("%q was accepted", given)
		}
	}
}

func TestCNIConfiguration(t *testing.T) {
	l := testLeases(t, bare("a", "10.244.3.0/24"))
	acquired, err := l.AcquireLease(t.Context(), &attrs)
	if err != nil {
		t.Fatal(err)
	}
	got, err := cniConfig(l.config, acquired, 1450)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "net.d", "10-flannel.conflist")
	for range 2 { // the second replaces the first
		if err := replaceFile(path, got); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/10-flannel.conflist")
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", written, want)
	}
	if beside, _ := os.ReadDir(filepath.Dir(path)); len(beside) != 1 {
		t.Errorf("left behind: %v", beside)
	}
}

func TestFlagsThatThisBuildCannotServeAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--kube-subnet-mgr=false"}, {"extra"}, {"--etcd-endpoints=x"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	o, err := parse([]string{"--kube-subnet-mgr", "--ip-masq", "--iface=eth0", "--iface=eth1", "-v=2"})
	if err != nil || len(o.ifaces) != 2 || !o.ipMasq {
		t.Errorf("got %+v, %v", o, err)
	}
}
