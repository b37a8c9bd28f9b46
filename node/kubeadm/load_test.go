package kubeadm_test

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

const head = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"

func facts() kubeadm.Facts {
	return kubeadm.Facts{Hostname: "Node-1", Address: netip.MustParseAddr("10.5.0.2"), Rand: rand.Reader}
}

func TestLoadRefusesWhatItDoesNotKnowByName(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"a misspelt field", head + "apiServer: {extraArg: []}", `ClusterConfiguration: unknown field "apiServer.extraArg", did you mean "extraArgs"?`},
		{"a field of a list's item", head + "apiServer: {extraArgs: [{nam: a, value: b}]}", `"apiServer.extraArgs[0].nam", did you mean "name"?`},
		{"a kubelet's field", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupRot: /", `unknown field "cgroupRot", did you mean "cgroupRoot"?`},
		{"a misspelt kind", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfig", `unknown kind "ClusterConfig"`},
		{"an older version", "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration", `supported is "kubeadm.k8s.io/v1beta4"`},
		{"a kind twice", head + "---\n" + head, "document 2: a second ClusterConfiguration"},
		{"a key twice", head + "clusterName: a\nclusterName: b", "already set"},
		{"a wrong type", head + "apiServer: 7", "cannot unmarshal number"},
		{"no kind", "a: b", "kind and apiVersion are required"},
		{"nothing", "# only a comment\n---\n", "it has no documents"},
		{"a bad token", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens: [{token: hunter2}]", "a bootstrap token has the form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := kubeadm.Load([]byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error quotes a secret")
			}
		})
	}
}

func TestLoadReportsAllMistakesAtOnce(t *testing.T) {
	_, err := kubeadm.Load([]byte(head + "apiSrver: {}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistratio: {}\n"))
	if err == nil || !strings.Contains(err.Error(), "apiSrver") || !strings.Contains(err.Error(), "nodeRegistratio") {
		t.Errorf("got %v", err)
	}
}

func TestDefaultsAreKubeadmsSaveForTheKeys(t *testing.T) {
	c, err := kubeadm.Load([]byte(head + "controlPlaneEndpoint: api.example.com\nnetworking: {podSubnet: 10.244.0.0/16}"))
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Complete(facts())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"v1.36.3":              in.Cluster.KubernetesVersion,
		"api.example.com:6443": in.Cluster.ControlPlaneEndpoint,
		"ECDSA-P256":           string(in.Cluster.EncryptionAlgorithm),
		"node-1":               in.NodeRegistration.Name,
		"10.5.0.2":             in.LocalAPIEndpoint.AdvertiseAddress,
		"/var/lib/etcd":        in.Cluster.Etcd.Local.DataDir,
		"10.96.0.10":           in.Kubelet.ClusterDNS[0],
		"10.244.0.0/16":        in.KubeProxy.ClusterCIDR,
		"systemd":              in.Kubelet.CgroupDriver,
	}
	for want, have := range got {
		if have != want {
			t.Errorf("got %v, want %s", have, want)
		}
	}
	if len(in.NodeRegistration.Taints) != 1 || in.BootstrapTokens[0].Token.ID == "" {
		t.Errorf("taints %v, token %v", in.NodeRegistration.Taints, in.BootstrapTokens[0].Token)
	}
	if c.Init != nil || c.Cluster.ClusterName != "" {
		t.Error("the loaded configuration was changed")
	}
}

func TestAnEmptyListOfTaintsMeansNone(t *testing.T) {
	c, err := kubeadm.Load([]byte("apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {taints: []}"))
	if err != nil {
		t.Fatal(err)
	}
	if in, err := c.Complete(facts()); err != nil || len(in.NodeRegistration.Taints) != 0 {
		t.Errorf("got %v, %v", in, err)
	}
}

func TestValidateNamesTheFieldAndTheReason(t *testing.T) {
	initHead := "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n"
	tests := []struct{ name, file, want string }{
		{"version", head + "kubernetesVersion: v1.20.0", "kubernetesVersion: Invalid value: \"v1.20.0\": is not supported: supported are v1.35 and v1.36"},
		{"no version", head + "kubernetesVersion: new", "kubernetesVersion: Invalid value"},
		{"service range too large", head + "networking: {serviceSubnet: 10.0.0.0/8}", "networking.serviceSubnet: Invalid value: \"10.0.0.0/8\": is too large"},
		{"service range too small", head + "networking: {serviceSubnet: 10.0.0.0/30}", "is too small"},
		{"pod range smaller than a node's", head + "networking: {podSubnet: 10.244.0.0/25}", "is smaller than the range /24 of one node"},
		{"ranges that overlap", head + "networking: {podSubnet: 10.96.0.0/16}", "overlaps the service range"},
		{"three ranges", head + "networking: {podSubnet: '10.1.0.0/16,10.2.0.0/16'}", "networking.podSubnet"},
		{"domain", head + "networking: {dnsDomain: '_'}", "networking.dnsDomain"},
		{"relative directory", head + "certificatesDir: pki", "certificatesDir: Invalid value: \"pki\": must be an absolute path"},
		{"algorithm", head + "encryptionAlgorithm: DSA", "encryptionAlgorithm: Unsupported value"},
		{"endpoint", head + "controlPlaneEndpoint: 'a:99999'", "controlPlaneEndpoint"},
		{"both etcds", head + "etcd: {local: {dataDir: /x}, external: {endpoints: ['https://a:2379'], caFile: /a, certFile: /b, keyFile: /c}}", "local and external exclude each other"},
		{"etcd without TLS", head + "etcd: {external: {endpoints: ['http://a:2379'], caFile: /a, certFile: '', keyFile: ''}}", "must be a URL with https"},
		{"argument with dashes", head + "scheduler: {extraArgs: [{name: --v, value: '1'}]}", "scheduler.extraArgs[0].name"},
		{"feature gate", head + "featureGates: {Magic: true}", "featureGates[Magic]"},
		{"SAN", head + "apiServer: {certSANs: ['a b']}", "apiServer.certSANs[0]"},
		{"repository", head + "imageRepository: 'a b'", "imageRepository"},
		{"node name", initHead + "nodeRegistration: {name: 'a_b'}", "nodeRegistration.name"},
		{"socket", initHead + "nodeRegistration: {criSocket: 'tcp://1'}", "nodeRegistration.criSocket"},
		{"address", initHead + "localAPIEndpoint: {advertiseAddress: 0.0.0.0}", "localAPIEndpoint.advertiseAddress"},
		{"port", initHead + "localAPIEndpoint: {bindPort: 70000}", "localAPIEndpoint.bindPort"},
		{"certificate key", initHead + "certificateKey: abc", "certificateKey: Invalid value: \"(hidden)\""},
		{"token lifetimes", initHead + "bootstrapTokens: [{token: abcdef.0123456789abcdef, ttl: 1h, expires: '2030-01-01T00:00:00Z'}]", "excludes expires"},
		{"token group", initHead + "bootstrapTokens: [{token: abcdef.0123456789abcdef, groups: [a]}]", "bootstrapTokens[0].groups[0]"},
		{"taint", initHead + "nodeRegistration: {taints: [{key: a, effect: Maybe}]}", "nodeRegistration.taints[0].effect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := kubeadm.Load([]byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = c.Complete(facts()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSeveralRuntimesMustBeChosenFrom(t *testing.T) {
	f := facts()
	f.Sockets = []string{"unix:///a.sock", "unix:///b.sock"}
	c := &kubeadm.Config{Cluster: &kubeadm.ClusterConfiguration{}}
	if _, err := c.Complete(f); err == nil || !strings.Contains(err.Error(), "nodeRegistration.criSocket") {
		t.Errorf("got %v", err)
	}
}

func TestServiceAddressesAreCountedFromTheRangesStart(t *testing.T) {
	for subnet, want := range map[string]string{"10.96.0.0/12": "10.96.0.10", "192.168.1.250/28": "192.168.1.250", "fd00::/108": "fd00::a", "10.0.0.0/16,fd00::/108": "10.0.0.10"} {
		c := &kubeadm.ClusterConfiguration{Networking: kubeadm.Networking{ServiceSubnet: subnet}}
		if ip, err := c.DNSIP(); err != nil || ip.String() != want {
			t.Errorf("%s: got %v, %v", subnet, ip, err)
		}
	}
	c := &kubeadm.ClusterConfiguration{Networking: kubeadm.Networking{ServiceSubnet: "10.0.0.0/30"}}
	if _, err := c.DNSIP(); err == nil {
		t.Error("an address outside of the range was returned")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(head))
	f.Add([]byte(head + "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens: [{token: abcdef.0123456789abcdef}]\n"))
	f.Add([]byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard: {memory.available: '0'}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := kubeadm.Load(data)
		if err != nil {
			return
		}
		in, err := c.Complete(facts())
		if err != nil {
			return
		}
		if _, err := in.Facts(); err != nil {
			t.Errorf("a valid configuration has no facts: %v", err)
		}
		rendered, err := in.Cluster.Render()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kubeadm.Load(rendered); err != nil {
			t.Errorf("what was rendered cannot be loaded: %v", err)
		}
	})
}
