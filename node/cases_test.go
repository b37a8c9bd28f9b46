package node_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/host/hosttest"
	"github.com/slipway-dev/slipway/node"
	"github.com/slipway-dev/slipway/node/apiclient/apitest"
	"github.com/slipway-dev/slipway/node/tuning"
	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// initialised is a machine on which init has ended well.
func initialised(t *testing.T) (*hosttest.Host, *apitest.Server) {
	t.Helper()
	api := &apitest.Server{}
	h := machine(api)
	mustInit(t, h, api, clusterYAML)
	return h, api
}

func reasonOf(p plan.Plan, id string) string {
	for _, s := range p.Steps {
		if s.ID == id {
			return string(s.Action) + ": " + s.Reason
		}
	}
	return ""
}

func TestPlanSaysWhyACertificateIsMadeAnew(t *testing.T) {
	h, api := initialised(t)
	r, err := planInit(t, h, api, strings.Replace(clusterYAML, "networking:", "apiServer: {certSANs: [new.example.com]}\nnetworking:", 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := reasonOf(r.Plan, "certs/apiserver"); got != "replace: it is not valid for the name new.example.com" {
		t.Errorf("got %q", got)
	}
}

func TestPlanShowsWhatChangesInAManifest(t *testing.T) {
	h, api := initialised(t)
	r, err := planInit(t, h, api, strings.Replace(clusterYAML, "networking:", "scheduler: {extraArgs: [{name: leader-elect, value: 'false'}]}\nnetworking:", 1))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Plan.Steps, func(s plan.Step) bool { return s.ID == "control-plane/scheduler" })
	if i < 0 || !strings.Contains(r.Plan.Steps[i].Diff, "-     - --leader-elect=true\n+     - --leader-elect=false\n") {
		t.Errorf("steps %v", r.Plan.Steps)
	}
}

func TestInitRefusesWhatItMustNotReplace(t *testing.T) {
	other, _ := initialised(t)
	tests := []struct {
		name  string
		spoil func(h *hosttest.Host)
		want  string
	}{
		{"a certificate of another authority", func(h *hosttest.Host) {
			h.Put("/etc/kubernetes/pki/apiserver.crt", other.Get("/etc/kubernetes/pki/apiserver.crt"), 0o644)
		}, `apiserver.crt is not signed by the authority "ca"`},
		{"a certificate without its authority", func(h *hosttest.Host) {
			_ = h.Remove("/etc/kubernetes/pki/etcd/ca.crt")
		}, `the authority "etcd-ca" that signed it does not`},
		{"an authority with another's key", func(h *hosttest.Host) {
			h.Put("/etc/kubernetes/pki/ca.key", other.Get("/etc/kubernetes/pki/ca.key"), 0o600)
		}, "its key belongs to another certificate"},
		{"a kubeconfig of another cluster", func(h *hosttest.Host) {
			h.Put("/etc/kubernetes/admin.conf", other.Get("/etc/kubernetes/admin.conf"), 0o600)
		}, "trusts another certificate authority"},
		{"a file that is no certificate", func(h *hosttest.Host) {
			h.Put("/etc/kubernetes/pki/ca.crt", "hello", 0o644)
		}, "no certificate in PEM form"},
		{"an external authority and a missing certificate", func(h *hosttest.Host) {
			_ = h.Remove("/etc/kubernetes/pki/ca.key")
			_ = h.Remove("/etc/kubernetes/pki/apiserver.crt")
		}, `the key of its authority "ca" is not on this machine`},
		{"an external authority and a missing kubeconfig", func(h *hosttest.Host) {
			_ = h.Remove("/etc/kubernetes/pki/ca.key")
			_ = h.Remove("/etc/kubernetes/scheduler.conf")
		}, "scheduler.conf does not exist, and the key of the authority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, api := initialised(t)
			tt.spoil(h)
			if _, err := planInit(t, h, api, clusterYAML); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWithAnExternalAuthorityNothingHereSigns(t *testing.T) {
	h, api := initialised(t)
	_ = h.Remove("/etc/kubernetes/pki/ca.key")
	mustInit(t, h, api, clusterYAML, func(o *node.InitOptions) { o.IgnorePreflight = []string{"all"} })
	if got := h.Get("/etc/kubernetes/manifests/kube-controller-manager.yaml"); !strings.Contains(got, "- --cluster-signing-key-file=\n") {
		t.Errorf("the controller manager still signs:\n%s", got)
	}
}

func TestAMissingCertificateIsMadeWithAKeyOfItsOwn(t *testing.T) {
	h, api := initialised(t)
	key := h.Get("/etc/kubernetes/pki/apiserver.key")
	_ = h.Remove("/etc/kubernetes/pki/apiserver.crt")
	mustInit(t, h, api, clusterYAML)
	if h.Get("/etc/kubernetes/pki/apiserver.crt") == "" || h.Get("/etc/kubernetes/pki/apiserver.key") == key {
		t.Error("it was not, or with the old key")
	}
}

func TestATaintedNodeIsOnePodsAvoid(t *testing.T) {
	for yaml, want := range map[string]int{clusterYAML: 1, strings.Replace(clusterYAML, "bootstrapTokens:", "nodeRegistration: {taints: []}\nbootstrapTokens:", 1): 0} {
		api := &apitest.Server{}
		mustInit(t, machine(api), api, yaml)
		n := api.Object("/api/v1/nodes/cp-1")
		taints, _ := n["spec"].(map[string]any)["taints"].([]any)
		if len(taints) != want {
			t.Errorf("taints %v, want %d", taints, want)
		}
		if _, ok := n["metadata"].(map[string]any)["labels"].(map[string]any)["node-role.kubernetes.io/control-plane"]; !ok {
			t.Error("the node has no role")
		}
	}
}

func TestUploadedCertificatesAreReadableOnlyWithTheKey(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	r := mustInit(t, h, api, clusterYAML, func(o *node.InitOptions) { o.UploadCerts = true })
	secret := api.Object("/api/v1/namespaces/kube-system/secrets/kubeadm-certs")
	if len(secret["data"].(map[string]any)) != 8 {
		t.Errorf("holds %v", secret["data"])
	}
	if owners := secret["metadata"].(map[string]any)["ownerReferences"].([]any); len(owners) != 1 {
		t.Errorf("owners %v", owners)
	}
	join, err := r.JoinCommand()
	if err != nil || !strings.HasSuffix(join.ControlPlane, "--certificate-key "+r.Config.CertificateKey) || !join.UploadedCerts {
		t.Errorf("got %+v, %v", join, err)
	}
}

func TestWhatAnExternalEtcdDoesNotNeedIsUploadedEmpty(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	mustInit(t, h, api, clusterYAML+"etcd: {external: {endpoints: ['http://e:2379']}}\n", func(o *node.InitOptions) { o.UploadCerts = true })
	data := api.Object("/api/v1/namespaces/kube-system/secrets/kubeadm-certs")["data"].(map[string]any)
	if len(data) != 9 || data["external-etcd-ca.crt"] != nil || data["ca.key"] == nil {
		t.Errorf("holds %v", slices.Collect(maps.Keys(data)))
	}
}

func TestJoinCommandPinsTheAuthority(t *testing.T) {
	h, api := initialised(t)
	r, err := planInit(t, h, api, clusterYAML)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.DecodeCerts([]byte(h.Get("/etc/kubernetes/pki/ca.crt")))
	if err != nil {
		t.Fatal(err)
	}
	join, err := r.JoinCommand()
	want := "kubeadm join api.example.com:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash " + pki.PublicKeyHash(certs[0])
	if err != nil || join.Worker != want {
		t.Errorf("got %q, %v", join.Worker, err)
	}
}

func TestSkippedPhasesAndStepsAreLeftOut(t *testing.T) {
	api := &apitest.Server{}
	r, err := planInit(t, machine(api), api, clusterYAML, func(o *node.InitOptions) {
		o.SkipPhases = []string{"preflight", "certs/apiserver", "addon", "wait-control-plane/kube-scheduler"}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Plan.Steps {
		if s.ID == "preflight" || s.ID == "certs/apiserver" || s.ID == "wait-control-plane/kube-scheduler" {
			t.Errorf("%s is planned", s.ID)
		}
	}
	if !r.Config.Cluster.DNS.Disabled || !r.Config.Cluster.Proxy.Disabled {
		t.Error("the cluster's configuration does not say that it has no addons")
	}
}

func TestComponentsMayStartEachWhenTheOneBeforeAnswers(t *testing.T) {
	api := &apitest.Server{}
	r := mustInit(t, machine(api), api, clusterYAML, func(o *node.InitOptions) { o.ControllersLater, o.APIServerLater = true, true })
	at := func(id string) int { return slices.Index(r.steps, id) }
	if at("control-plane/scheduler") < at("wait-control-plane/api") || at("control-plane/apiserver") < at("wait-control-plane/etcd") || at("wait-control-plane/api") < at("control-plane/apiserver") {
		t.Errorf("order %v", r.steps)
	}
}

func TestTheKubeletStartsBeforeAnythingIsAskedOfTheCluster(t *testing.T) {
	api := &apitest.Server{}
	r := mustInit(t, machine(api), api, clusterYAML)
	start := slices.Index(r.steps, "kubelet-start")
	for i, id := range r.steps {
		if strings.HasPrefix(id, "certs/") && i > start || strings.HasPrefix(id, "upload-config") && i < start {
			t.Errorf("%s at the wrong time: %v", id, r.steps)
		}
	}
}

func TestAKubeletThatDoesNotRegisterIsRestartedOnce(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	starts := 0
	h.Install("systemctl", func(_ context.Context, p *hosttest.Process) int {
		if !slices.Equal(p.Args, []string{"restart", "kubelet"}) {
			return 3
		}
		p.Host.Listen(10248)
		api.Start()
		if starts++; starts == 2 {
			api.Put("/api/v1/nodes/cp-1", map[string]any{"metadata": map[string]any{"name": "cp-1"}, "spec": map[string]any{}})
		}
		return 0
	})
	mustInit(t, h, api, clusterYAML, func(o *node.InitOptions) { o.RegisterWithin = 5 * time.Millisecond })
	if starts != 2 {
		t.Errorf("the kubelet was started %d times", starts)
	}
}

func TestPatchesChangeManifestsAndTheKubelet(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	for name, data := range tuning.SingleControlPlane().Patches() {
		h.Put("/patches/"+name, string(data), 0o644)
	}
	h.Put("/patches/kubeletconfiguration+merge.yaml", "maxPods: 42\n", 0o644)
	mustInit(t, h, api, strings.Replace(clusterYAML, "bootstrapTokens:", "patches: {directory: /patches}\nbootstrapTokens:", 1))
	golden(t, "v1.36/tuned/kube-apiserver.yaml", h.Get("/etc/kubernetes/manifests/kube-apiserver.yaml"))
	if !strings.Contains(h.Get("/var/lib/kubelet/config.yaml"), "maxPods: 42\n") {
		t.Error("the kubelet's patch was not applied")
	}
	shared := api.Object("/api/v1/namespaces/kube-system/configmaps/kubelet-config")["data"].(map[string]any)["kubelet"].(string)
	if strings.Contains(shared, "maxPods: 42") {
		t.Error("this node's patch went to all nodes")
	}
}

func TestExternalEtcdNeedsNoEtcdHere(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	for _, f := range []string{"ca.crt", "client.crt", "client.key"} {
		h.Put("/etc/etcd/"+f, "x", 0o600)
	}
	mustInit(t, h, api, clusterYAML+"etcd: {external: {endpoints: ['https://e:2379'], caFile: /etc/etcd/ca.crt, certFile: /etc/etcd/client.crt, keyFile: /etc/etcd/client.key}}\n")
	golden(t, "v1.36/external-etcd/kube-apiserver.yaml", h.Get("/etc/kubernetes/manifests/kube-apiserver.yaml"))
	if h.Get("/etc/kubernetes/manifests/etcd.yaml") != "" || h.Get("/etc/kubernetes/pki/etcd/ca.crt") != "" {
		t.Error("etcd is set up all the same")
	}
}

func TestASingleStepCanBePlanned(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	mustInit(t, h, api, clusterYAML, func(o *node.InitOptions) { o.Only = []string{"certs/ca"} })
	if got := strings.Join(h.Tree("/etc/kubernetes/pki"), "\n"); strings.Count(got, "\n") != 1 {
		t.Errorf("made:\n%s", got)
	}
	r, err := planInit(t, h, api, clusterYAML, func(o *node.InitOptions) { o.Only = []string{"kubeconfig"} })
	if err != nil || len(r.Plan.Steps) != 5 {
		t.Errorf("planned %v, %v", r.Plan.Steps, err)
	}
}

func TestAPreflightErrorStopsInitBeforeAnyChange(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	h.Listen(6443)
	before := strings.Join(h.Tree("/"), "\n")
	r, err := planInit(t, h, api, clusterYAML)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.apply(t.Context()); err == nil || !strings.Contains(err.Error(), "[ERROR Port-6443]") {
		t.Errorf("got %v", err)
	}
	if strings.Join(h.Tree("/"), "\n") != before {
		t.Error("files changed")
	}
}
