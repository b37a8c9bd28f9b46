package preflight_test

import (
	"crypto/rand"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-dev/slipway/host/hosttest"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/preflight"
)

// fit is a machine that has nothing wrong with it.
func fit() *hosttest.Host {
	h := hosttest.New()
	h.Put("/proc/self/status", "Uid:\t0\t0\t0\t0\nCpus_allowed_list:\t0-1\n", 0o444)
	h.Put("/proc/meminfo", "MemTotal:       4000000 kB\n", 0o444)
	h.Put("/proc/swaps", "Filename Type Size Used Priority\n", 0o444)
	h.Put("/proc/sys/kernel/osrelease", "6.12.0-1-amd64\n", 0o444)
	h.Put("/boot/config-6.12.0-1-amd64", features, 0o444)
	h.Put("/proc/sys/net/ipv4/ip_forward", "1\n", 0o644)
	h.Put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n", 0o444)
	h.Put("/etc/hosts", "127.0.0.1 localhost\n10.5.0.2 cp-1 # me\n", 0o644)
	h.Put("/run/systemd/system/.keep", "", 0o644)
	h.Put("/var/run/containerd/containerd.sock", "", fs.ModeSocket|0o660)
	for _, name := range []string{"losetup", "mount", "cp"} {
		h.Install(name, hosttest.Prints(""))
	}
	h.Install("getent", hosttest.Fails(2, ""))
	h.Install("kubelet", hosttest.Prints("Kubernetes v1.36.3\n"))
	h.Install("systemctl", hosttest.Prints(""))
	return h
}

const features = "CONFIG_NAMESPACES=y\nCONFIG_NET_NS=y\nCONFIG_PID_NS=y\nCONFIG_IPC_NS=y\nCONFIG_UTS_NS=y\nCONFIG_CGROUPS=y\nCONFIG_CGROUP_PIDS=y\nCONFIG_CGROUP_SCHED=y\nCONFIG_FAIR_GROUP_SCHED=y\nCONFIG_CGROUP_BPF=y\nCONFIG_CPUSETS=y\nCONFIG_MEMCG=y\nCONFIG_INET=y\nCONFIG_PROC_FS=y\n"

func run(t *testing.T, h *hosttest.Host, cluster string, m preflight.Machine, ignore ...string) preflight.Report {
	t.Helper()
	c, err := kubeadm.Load([]byte("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n" + cluster))
	if err != nil {
		t.Fatal(err)
	}
	m.Host = h
	if m.Ours == nil {
		m.Ours = func(string) bool { return false }
	}
	m.Config, err = c.Complete(kubeadm.Facts{Hostname: "cp-1", Address: netip.MustParseAddr("10.5.0.2"), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return preflight.Run(t.Context(), preflight.Init(m), ignore)
}

func TestEachCheckFindsItsFaultUnderKubeadmsName(t *testing.T) {
	tests := []struct {
		check string
		spoil func(h *hosttest.Host)
		want  string
	}{
		{"IsPrivilegedUser", func(h *hosttest.Host) { h.Put("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n", 0o444) }, "not running as root"},
		{"NumCPU", func(h *hosttest.Host) { h.Put("/proc/self/status", "Cpus_allowed_list:\t3\n", 0o444) }, "1 CPU"},
		{"Mem", func(h *hosttest.Host) { h.Put("/proc/meminfo", "MemTotal: 1000000 kB\n", 0o444) }, "976 MB of memory"},
		{"Port-6443", func(h *hosttest.Host) { h.Listen(6443) }, "port 6443 is in use"},
		{"Port-10250", func(h *hosttest.Host) { h.Listen(10250) }, "port 10250 is in use"},
		{"Port-2379", func(h *hosttest.Host) { h.Listen(2379) }, "port 2379 is in use"},
		{"FileAvailable--etc-kubernetes-manifests-etcd.yaml", func(h *hosttest.Host) { h.Put("/etc/kubernetes/manifests/etcd.yaml", "x", 0o600) }, "exists already"},
		{"DirAvailable--var-lib-etcd", func(h *hosttest.Host) { h.Put("/var/lib/etcd/member/wal", "x", 0o600) }, "is not empty"},
		{"FileContent--proc-sys-net-ipv4-ip_forward", func(h *hosttest.Host) { h.Put("/proc/sys/net/ipv4/ip_forward", "0\n", 0o644) }, "sysctl -w net.ipv4.ip_forward=1"},
		{"FileExisting-losetup", func(h *hosttest.Host) { _ = h.Remove("/usr/bin/losetup") }, "losetup is not installed"},
		{"CRI", func(h *hosttest.Host) { _ = h.Remove("/var/run/containerd/containerd.sock") }, "no container runtime"},
		{"SystemVerification", func(h *hosttest.Host) { h.Put("/proc/sys/kernel/osrelease", "4.19.0\n", 0o444) }, "older than 5.4"},
		{"SystemVerification", func(h *hosttest.Host) { h.Put("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n", 0o444) }, `"cpuset" is missing`},
		{"SystemVerification", func(h *hosttest.Host) {
			h.Put("/boot/config-6.12.0-1-amd64", strings.Replace(features, "CONFIG_NET_NS=y\n", "", 1), 0o444)
		}, "CONFIG_NET_NS"},
		{"SystemVerification", func(h *hosttest.Host) {
			h.Put("/boot/config-6.12.0-1-amd64", strings.Replace(features, "CONFIG_CGROUP_BPF=y\n", "", 1), 0o444)
		}, "CONFIG_CGROUP_BPF"},
		{"SystemVerification", func(h *hosttest.Host) { h.Put("/sys/fs/cgroup/cgroup.controllers", "\n", 0o444) }, `"cpu" is missing`},
		{"KubeletVersion", func(h *hosttest.Host) { h.Install("kubelet", hosttest.Prints("kubelet of mine\n")) }, "cannot be read"},
		{"KubeletVersion", func(h *hosttest.Host) { h.Install("kubelet", hosttest.Prints("Kubernetes v1.37.0\n")) }, "newer than the API server"},
		{"KubeletVersion", func(h *hosttest.Host) { h.Install("kubelet", hosttest.Prints("Kubernetes v1.30.0\n")) }, "more than 3 minor versions behind"},
		{"KubeletVersion", func(h *hosttest.Host) { _ = h.Remove("/usr/bin/kubelet") }, "kubelet is not installed"},
	}
	for _, tt := range tests {
		t.Run(tt.check+" "+tt.want, func(t *testing.T) {
			h := fit()
			tt.spoil(h)
			r := run(t, h, "", preflight.Machine{})
			if len(r.Errors) == 0 || r.Errors[0].Check != tt.check || !strings.Contains(r.Errors[0].Text, tt.want) {
				t.Errorf("found %v", r.Errors)
			}
			if r := run(t, h, "", preflight.Machine{}, strings.ToUpper(tt.check)); r.Err() != nil {
				t.Errorf("ignored, and still: %v", r.Err())
			}
		})
	}
}

func TestAFitMachineHasOnlyTheWarningThatFirewalldIsOn(t *testing.T) {
	r := run(t, fit(), "", preflight.Machine{}) // its systemctl says yes to every question
	if r.Err() != nil || len(r.Warnings) != 1 || r.Warnings[0].Check != "Firewalld" {
		t.Errorf("errors %v, warnings %v", r.Errors, r.Warnings)
	}
}

func TestWhatAnInterruptedInitLeftIsNoObstacle(t *testing.T) {
	h := fit()
	h.Put("/etc/kubernetes/manifests/etcd.yaml", "ours", 0o600)
	h.Put("/var/lib/etcd/member/wal", "x", 0o600)
	h.Listen(2379, 2380, 6443, 10250, 10257, 10259)
	r := run(t, h, "", preflight.Machine{Ours: func(string) bool { return true }, KubeletOurs: true})
	if r.Err() != nil {
		t.Error(r.Err())
	}
}

func TestVersion1OfControlGroupsIsRefusedUnlessTheKubeletTakesIt(t *testing.T) {
	h := fit()
	_ = h.Remove("/sys/fs/cgroup/cgroup.controllers")
	var table strings.Builder
	for _, c := range []string{"cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"} {
		table.WriteString(c + "\t1\t1\t1\n")
	}
	h.Put("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"+table.String(), 0o444)
	if r := run(t, h, "", preflight.Machine{}); r.Err() == nil {
		t.Error("not refused")
	}
	tolerant := "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nfailCgroupV1: false\n"
	if r := run(t, h, tolerant, preflight.Machine{}); r.Err() != nil {
		t.Error(r.Err())
	}
}

func TestWarningsDoNotStopAnything(t *testing.T) {
	h := fit()
	h.Put("/etc/hosts", "", 0o644)
	h.Put("/proc/swaps", "Filename Type Size Used Priority\n/swap file 1 0 -2\n", 0o444)
	var proxy kubeadm.EnvVar
	proxy.Name, proxy.Value = "HTTPS_PROXY", "http://user:secret@proxy:3128"
	r := run(t, h, "", preflight.Machine{Proxy: []kubeadm.EnvVar{proxy}})
	if r.Err() != nil {
		t.Error(r.Err())
	}
	for _, want := range []string{"Hostname", "Swap", "HTTPProxy", "HTTPProxyCIDR"} {
		if !slices.ContainsFunc(r.Warnings, func(f preflight.Finding) bool { return f.Check == want }) {
			t.Errorf("no warning of %s in %v", want, r.Warnings)
		}
	}
	for _, w := range r.Warnings {
		if strings.Contains(w.Text, "secret") {
			t.Errorf("%s shows a password", w)
		}
	}
}
