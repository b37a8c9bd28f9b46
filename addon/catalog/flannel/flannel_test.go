package flannel_test

import (
	"testing"

	"github.com/slipway-dev/slipway/addon/catalog/flannel"
	"github.com/slipway-dev/slipway/addon/catalog/internal/golden"
)

func TestRender(t *testing.T) {
	const image = "ghcr.io/flannel-io/flannel:v0.28.10"
	for file, v := range map[string]flannel.Values{
		"one-link.yaml": {Image: image, ClusterCIDR: "10.244.0.0/16", Backend: flannel.HostGW, Interface: "eth0", APIEndpoint: "https://[fd00::2]:6443"},
		"anywhere.yaml": {Image: image, ClusterCIDR: "10.244.0.0/16", ClusterCIDRv6: "fd00:10:244::/56"},
	} {
		objects, err := flannel.Render(v)
		if err != nil {
			t.Fatal(err)
		}
		golden.Typed(t, file, objects)
	}
}
