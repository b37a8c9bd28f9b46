package coredns_test

import (
	"testing"

	"github.com/slipway-dev/slipway/addon/catalog/coredns"
	"github.com/slipway-dev/slipway/addon/catalog/internal/golden"
)

func TestRender(t *testing.T) {
	for file, v := range map[string]coredns.Values{
		"single-node.yaml": {Image: "registry.k8s.io/coredns/coredns:v1.15.0", ClusterIP: "10.96.0.10", APIEndpoint: "https://172.30.0.2:6443"},
		"several-nodes.yaml": {
			Image: "registry.k8s.io/coredns/coredns:v1.15.0", ClusterIP: "fd00:96::a", Replicas: 2, Domain: "cluster.example",
		},
	} {
		objects, err := coredns.Render(v)
		if err != nil {
			t.Fatal(err)
		}
		golden.Typed(t, file, objects)
	}
}
