package kubeproxy_test

import (
	"testing"

	"github.com/slipway-dev/slipway/addon/catalog/internal/golden"
	"github.com/slipway-dev/slipway/addon/catalog/kubeproxy"
)

func TestRender(t *testing.T) {
	base := kubeproxy.Values{Image: "registry.k8s.io/kube-proxy:v1.36.3", APIEndpoint: "https://172.30.0.2:6443", ClusterCIDR: "10.244.0.0/16"}
	with := func(change func(*kubeproxy.Values)) kubeproxy.Values { v := base; change(&v); return v }
	for file, v := range map[string]kubeproxy.Values{
		"system-container.yaml": base,
		"own-kernel.yaml":       with(func(v *kubeproxy.Values) { v.TuneHost = true }),
		"ipv6-first.yaml":       with(func(v *kubeproxy.Values) { v.ClusterCIDR = "fd00:10:244::/56,10.244.0.0/16" }),
		"given-configuration.yaml": with(func(v *kubeproxy.Values) {
			v.Config = []byte("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: nftables\n" +
				"clientConnection:\n  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf\n  qps: 20\n")
		}),
	} {
		objects, err := kubeproxy.Render(v)
		if err != nil {
			t.Fatal(err)
		}
		golden.Typed(t, file, objects)
	}
}
