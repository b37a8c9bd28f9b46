// Package tuning makes a cluster with a single control plane node start sooner and idle cheaper than kubeadm's settings do,
// by kubeadm's own means: extra arguments and patches. It changes nothing unless asked, never what a user has set, and is
// meant only for a control plane without peers: with some, leader election must be on.
package tuning

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// Tuning says what is to differ from kubeadm. The zero value changes nothing.
type Tuning struct {
	// NoLeaderElection lets controller manager and scheduler work without first becoming leader: with one of each there is
	// nobody to lead. It saves a write every two seconds, and seconds at the start, when the first try comes too early.
	NoLeaderElection bool
	// EtcdHeartbeat is etcd's heartbeat in milliseconds, or 0 for etcd's own 100. A lone member has nobody to send it to, but
	// it elects itself only after a random part of the election timeout, which is five heartbeats: the least etcd allows.
	EtcdHeartbeat int
	// ReadinessPeriod is how often components are asked whether they are ready, in seconds, or 0 for kubeadm's 1.
	ReadinessPeriod int
	// LivenessPeriod is how often they are asked whether they live, in seconds, or 0 for kubeadm's 10.
	LivenessPeriod int
	// GarbagePercent is how much a component's heap may grow before garbage is collected, in percent of what lives (the Go
	// runtime's GOGC), or 0 for the runtime's own 100.
	GarbagePercent int
	// WatchProgress is how often etcd tells idle watchers where it is, as a duration, or "" for kubeadm's 5s. The API server asks
	// for it itself when a read has to be consistent.
	WatchProgress string
	// StartupPeriod is how often they are asked while they start, in seconds, or 0 for kubeadm's 10.
	StartupPeriod int
}

// startupLimit is how long components may take to start, in seconds: kubeadm's 4 minutes.
const startupLimit = 240

// SingleControlPlane is what suits a control plane without peers. With a heartbeat of 20 ms etcd answers within 0.1 s of its
// start instead of up to 1 s, so that the API server's first try to reach it succeeds: the second one would come a second
// later. Ready components are asked every 5 s, since nobody waits for them any more, and starting ones each second.
func SingleControlPlane() Tuning {
	return Tuning{NoLeaderElection: true, EtcdHeartbeat: 20, ReadinessPeriod: 5, StartupPeriod: 1}
}

// Apply adds the arguments to a configuration, save those that it has already.
func (t Tuning) Apply(c *kubeadm.ClusterConfiguration) {
	if t.NoLeaderElection {
		add(&c.ControllerManager.ExtraArgs, "leader-elect", "false")
		add(&c.Scheduler.ExtraArgs, "leader-elect", "false")
	}
	for _, envs := range []*[]kubeadm.EnvVar{&c.APIServer.ExtraEnvs, &c.ControllerManager.ExtraEnvs, &c.Scheduler.ExtraEnvs} {
		t.collect(envs)
	}
	if c.Etcd.External == nil && (t.EtcdHeartbeat > 0 || t.WatchProgress != "" || t.GarbagePercent > 0) {
		c.Etcd.Local = t.etcd(c.Etcd.Local)
	}
}

// etcd returns the member's configuration with what is to differ; nil stays nil when nothing is.
func (t Tuning) etcd(given *kubeadm.LocalEtcd) *kubeadm.LocalEtcd {
	local := kubeadm.LocalEtcd{}
	if given != nil {
		local = *given
	}
	if t.EtcdHeartbeat > 0 {
		add(&local.ExtraArgs, "election-timeout", fmt.Sprint(5*t.EtcdHeartbeat))
		add(&local.ExtraArgs, "heartbeat-interval", fmt.Sprint(t.EtcdHeartbeat))
	}
	if t.WatchProgress != "" {
		add(&local.ExtraArgs, "watch-progress-notify-interval", t.WatchProgress)
	}
	t.collect(&local.ExtraEnvs)
	if given == nil && len(local.ExtraArgs)+len(local.ExtraEnvs) == 0 {
		return nil // nothing is to differ
	}
	return &local
}

// collect sets the garbage collector's pace, unless it is given.
func (t Tuning) collect(envs *[]kubeadm.EnvVar) {
	given := slices.ContainsFunc(*envs, func(e kubeadm.EnvVar) bool { return e.Name == "GOGC" })
	if t.GarbagePercent > 0 && !given {
		*envs = append(slices.Clone(*envs), kubeadm.EnvVar{EnvVar: corev1.EnvVar{Name: "GOGC", Value: fmt.Sprint(t.GarbagePercent)}})
	}
}

func add(args *[]kubeadm.Arg, name, value string) {
	if _, given := kubeadm.Value(*args, name); !given {
		*args = append(slices.Clone(*args), kubeadm.Arg{Name: name, Value: value})
	}
}

// Patches returns patch files by name, for the directory that the configuration's patches name.
func (t Tuning) Patches() map[string][]byte {
	files := map[string][]byte{}
	for _, component := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		text := ""
		if t.LivenessPeriod > 0 {
			text += fmt.Sprintf("    livenessProbe: {periodSeconds: %d}\n", t.LivenessPeriod)
		}
		if t.ReadinessPeriod > 0 && component != "kube-controller-manager" { // which has no such probe
			text += fmt.Sprintf("    readinessProbe: {periodSeconds: %d}\n", t.ReadinessPeriod)
		}
		if t.StartupPeriod > 0 {
			text += fmt.Sprintf("    startupProbe: {initialDelaySeconds: %d, periodSeconds: %d, failureThreshold: %d}\n", t.StartupPeriod, t.StartupPeriod, startupLimit/t.StartupPeriod)
		}
		if text != "" {
			files[component+"0+strategic.yaml"] = []byte("spec:\n  containers:\n  - name: " + component + "\n" + text)
		}
	}
	return files
}
