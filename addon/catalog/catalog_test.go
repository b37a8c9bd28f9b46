package catalog

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/addon/catalog/flannel"
	"github.com/slipway-dev/slipway/addon/catalog/internal/golden"
)

// values are those of a single node in a system container, with the images that go with a minor version.
func values(kubernetes, dns string) Values {
	return Values{
		KubeProxyImage: "registry.k8s.io/kube-proxy:" + kubernetes,
		CoreDNSImage:   "registry.k8s.io/coredns/coredns:" + dns,
		FlannelImage:   "ghcr.io/flannel-io/flannel:v0.28.10",
		APIEndpoint:    "https://172.30.0.2:6443",
		PodCIDRs:       []string{"10.244.0.0/16"},
		ServiceCIDRs:   []string{"10.96.0.0/12"},
		Backend:        flannel.HostGW,
		Interface:      "eth0",
	}
}

func TestBootstrapRendersWhatEachMinorRuns(t *testing.T) {
	for minor, v := range map[string]Values{
		"v1.35": values("v1.35.4", "v1.13.1"),
		"v1.36": values("v1.36.3", "v1.15.0"),
	} {
		addons, err := Bootstrap(v)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range addons {
			names = append(names, a.Name+"@"+a.Version)
			golden.Objects(t, filepath.Join(minor, a.Name+".yaml"), a.Objects)
		}
		want := "flannel@v0.28.10 kube-proxy@" + tag(v.KubeProxyImage) + " coredns@" + tag(v.CoreDNSImage)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", minor, got, want)
		}
	}
}

func TestBootstrapNamesWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*Values)
		want  string
	}{
		{"no service range", func(v *Values) { v.ServiceCIDRs = nil }, "no Service range"},
		{"service range is no network", func(v *Values) { v.ServiceCIDRs = []string{"10.96"} }, `"10.96" is not a network`},
		{"service range is too small", func(v *Values) { v.ServiceCIDRs = []string{"10.96.0.0/29"} }, "no address number 10"},
		{"no pod range", func(v *Values) { v.PodCIDRs = nil }, `addon "flannel"`},
		{"endpoint is no URL", func(v *Values) { v.APIEndpoint = "172.30.0.2:6443" }, `"172.30.0.2:6443" is not a URL`},
		{"unknown backend", func(v *Values) { v.Backend = "udp" }, `no backend "udp"`},
		{"no image", func(v *Values) { v.KubeProxyImage = "" }, `addon "kube-proxy": kube-proxy: the image is missing`},
		{"domain is no DNS name", func(v *Values) { v.DNSDomain = "Cluster_Local" }, `"Cluster_Local" is not a DNS name`},
		{"proxy configuration for iptables", func(v *Values) {
			v.KubeProxyConfig = []byte("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\n")
		}, `mode "iptables"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := values("v1.36.3", "v1.15.0")
			test.spoil(&v)
			if _, err := Bootstrap(v); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}

func TestDNSAddressIsTheTenthOfTheFirstRange(t *testing.T) {
	for cidr, want := range map[string]string{
		"10.96.0.0/12": "10.96.0.10", "10.96.3.4/12": "10.96.0.10", "192.168.7.240/28": "192.168.7.250", "fd00:96::/112": "fd00:96::a",
	} {
		if got, err := DNSAddress([]string{cidr, "10.0.0.0/8"}); err != nil || got.String() != want {
			t.Errorf("%s: %v (%v), want %s", cidr, got, err, want)
		}
	}
}

func TestTagIsTheVersionOfAnImage(t *testing.T) {
	for image, want := range map[string]string{
		"a/b:v1": "v1", "host:5000/a:v1@sha256:00": "v1", "host:5000/a@sha256:00": "sha256:00", "host:5000/a": "",
	} {
		if got := tag(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}
