package release

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseReadsWhatKubernetesWrites(t *testing.T) {
	for _, test := range []struct {
		in   string
		want string // "" when it is refused
	}{
		{"v1.36.3", "v1.36.3"},
		{"1.36.3", "v1.36.3"},
		{"v1.37.0-rc.1", "v1.37.0-rc.1"},
		{"v1.36.3+k3s1", "v1.36.3"},
		{"v1.36", ""},
		{"v1.36.03", ""},
		{"v1.36.3-", ""},
		{"latest", ""},
		{"", ""},
		{"v1.36.3/../..", ""},
		{"v1.99999999999999999999.0", ""},
	} {
		v, err := Parse(test.in)
		if (err != nil) != (test.want == "") {
			t.Errorf("Parse(%q) = %v, %v", test.in, v, err)
		}
		if err == nil && v.String() != test.want {
			t.Errorf("Parse(%q) = %s, want %s", test.in, v, test.want)
		}
	}
}

func TestVersionsAreOrdered(t *testing.T) {
	ordered := []string{"v1.35.9", "v1.36.0-alpha.1", "v1.36.0-rc.0", "v1.36.0", "v1.36.2", "v1.36.10", "v2.0.0"}
	shuffled := slices.Sorted(slices.Values(ordered))
	slices.SortFunc(shuffled, func(a, b string) int { return must(t, a).Compare(must(t, b)) })
	if !slices.Equal(shuffled, ordered) {
		t.Errorf("got %v", shuffled)
	}
	for _, v := range ordered {
		if must(t, v).Compare(must(t, v)) != 0 {
			t.Errorf("%s differs from itself", v)
		}
	}
}

func TestQuirksChangeAtTheirVersion(t *testing.T) {
	for name, test := range map[string]struct {
		ask  func(Version) bool
		last string // the last version for which the answer was another
		then string // the first for which it is want
		want bool
	}{
		"KubeletConfigDropIns":       {Version.KubeletConfigDropIns, "v1.29.15", "v1.30.0", true},
		"FailsOnCgroupV1":            {Version.FailsOnCgroupV1, "v1.34.9", "v1.35.0", true},
		"AsksRuntimeForCgroupDriver": {Version.AsksRuntimeForCgroupDriver, "v1.30.9", "v1.31.0", true},
		"KubeletUsesLocalAPIServer":  {Version.KubeletUsesLocalAPIServer, "v1.32.9", "v1.33.0", true},
		"EtcdJoinsAsLearner":         {Version.EtcdJoinsAsLearner, "v1.28.9", "v1.29.0", true},
		"SeparatesSuperAdmin":        {Version.SeparatesSuperAdmin, "v1.28.9", "v1.29.0", true},
		"KubeadmV1Beta4":             {Version.KubeadmV1Beta4, "v1.30.9", "v1.31.0", true},
		"NeedsConntrackProgram":      {Version.NeedsConntrackProgram, "v1.31.9", "v1.32.0", false},
		"AuthorizationConfigV1":      {Version.AuthorizationConfigV1, "v1.31.9", "v1.32.0", true},
		"AuthenticationConfigV1":     {Version.AuthenticationConfigV1, "v1.33.9", "v1.34.0", true},
		"BindsKubeletClientByUser":   {Version.BindsKubeletClientByUser, "v1.36.0", "v1.36.1", true},
	} {
		if got := test.ask(must(t, test.last)); got == test.want {
			t.Errorf("%s is already %t in %s", name, got, test.last)
		}
		for _, v := range []string{test.then, "v1.36.3", "v1.40.0"} {
			if got := test.ask(must(t, v)); got != test.want {
				t.Errorf("%s is %t in %s", name, got, v)
			}
		}
	}
}

func TestSkewRules(t *testing.T) {
	for _, test := range []struct {
		name string
		got  Reason
		says string // "" when it is allowed
	}{
		{"a kubelet may lag by three", KubeletMayTalkTo(must(t, "v1.33.0"), must(t, "v1.36.3")), ""},
		{"a kubelet may not lag by four", KubeletMayTalkTo(must(t, "v1.32.9"), must(t, "v1.36.3")), "more than 3 minor versions behind"},
		{"a kubelet may have a newer patch", KubeletMayTalkTo(must(t, "v1.36.4"), must(t, "v1.36.3")), ""},
		{"a kubelet may not be a minor newer", KubeletMayTalkTo(must(t, "v1.37.0"), must(t, "v1.36.3")), "newer"},
		{"kube-proxy follows the kubelet's rule", ProxyMayTalkTo(must(t, "v1.33.0"), must(t, "v1.36.3")), ""},
		{"a controller manager may lag by one", ControllerMayTalkTo("kube-controller-manager", must(t, "v1.35.0"), must(t, "v1.36.3")), ""},
		{"a scheduler may not lag by two", ControllerMayTalkTo("kube-scheduler", must(t, "v1.34.0"), must(t, "v1.36.3")), "kube-scheduler v1.34.0 is more than one minor version behind"},
		{"kubectl may be one newer", KubectlMayTalkTo(must(t, "v1.37.0"), must(t, "v1.36.3")), ""},
		{"kubectl may not be two older", KubectlMayTalkTo(must(t, "v1.34.0"), must(t, "v1.36.3")), "more than one"},
		{"API servers of neighbours coexist", APIServersMayCoexist(must(t, "v1.35.9"), must(t, "v1.36.3")), ""},
		{"API servers two apart do not", APIServersMayCoexist(must(t, "v1.34.0"), must(t, "v1.36.3")), "apart"},
		{"upgrade to a later patch", MayUpgrade(must(t, "v1.36.0"), must(t, "v1.36.3")), ""},
		{"upgrade to the next minor", MayUpgrade(must(t, "v1.35.9"), must(t, "v1.36.3"), must(t, "v1.33.0")), ""},
		{"upgrade leaves no kubelet behind", MayUpgrade(must(t, "v1.35.9"), must(t, "v1.36.3"), must(t, "v1.32.0")), "kubelet is still at v1.32.0"},
		{"upgrade skips no minor", MayUpgrade(must(t, "v1.34.0"), must(t, "v1.36.3")), "go to 1.35 first"},
		{"upgrade never goes back", MayUpgrade(must(t, "v1.36.3"), must(t, "v1.36.2")), "cannot go back"},
	} {
		if test.says == "" && test.got != OK || !strings.Contains(string(test.got), test.says) {
			t.Errorf("%s: got %q", test.name, test.got)
		}
	}
}

func TestFindTakesAVersionALineOrTheNewest(t *testing.T) {
	all := []Supported{{Kubernetes: must(t, "v1.36.3")}, {Kubernetes: must(t, "v1.36.1")}, {Kubernetes: must(t, "v1.35.8")}}
	for spec, want := range map[string]string{
		"": "v1.36.3", "1.36": "v1.36.3", "v1.36": "v1.36.3", "v1.36.1": "v1.36.1", "1.35.8": "v1.35.8", "v1.35": "v1.35.8",
	} {
		if got, err := find(all, spec); err != nil || got.Kubernetes.String() != want {
			t.Errorf("find(%q) = %s, %v; want %s", spec, got.Kubernetes, err, want)
		}
	}
	for _, spec := range []string{"v1.30.0", "1.3", "newest", "v1.36.2"} {
		_, err := find(all, spec)
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "available: v1.36.3, v1.36.1, v1.35.8") {
			t.Errorf("find(%q) gave %v", spec, err)
		}
	}
}

func TestImagesAreCalledAsUpstreamCallsThem(t *testing.T) {
	s, err := Find("v1.36.3")
	if err != nil {
		t.Fatal(err)
	}
	r := Release{Kubernetes: s.Kubernetes, Components: s.Components}
	for component, want := range map[string]string{
		"kube-apiserver":          "registry.k8s.io/kube-apiserver:v1.36.3",
		"kube-controller-manager": "registry.k8s.io/kube-controller-manager:v1.36.3",
		"kube-scheduler":          "registry.k8s.io/kube-scheduler:v1.36.3",
		"kube-proxy":              "registry.k8s.io/kube-proxy:v1.36.3",
		Etcd:                      "registry.k8s.io/etcd:3.6.16-0",
		CoreDNS:                   "registry.k8s.io/coredns/coredns:v1.15.0",
		Pause:                     "registry.k8s.io/pause:3.10.2",
		Flannel:                   "ghcr.io/flannel-io/flannel:v0.28.10",
		Containerd:                "",
	} {
		if got := r.Image(component); got != want {
			t.Errorf("image of %s is %q, want %q", component, got, want)
		}
	}
}

func must(t *testing.T, s string) Version {
	t.Helper()
	v, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
