// Package agent is a machine's first process. It prepares what Kubernetes needs of the machine (mounts, cgroups), supervises
// containerd and the kubelet, runs the bootstrap data that Cluster API's kubeadm bootstrap provider writes, once, and answers
// as systemctl, so that kubeadm and its users find the init system they know. It is no general init: the services are these
// two, and nothing else can be configured.
//
// A machine's life:
//
//	prepare ─▶ containerd ─▶ (kubelet, if the machine is a node already)
//	        ─▶ wait for user data ─▶ run it ─▶ done: sentinel, mark
//	                    ▲              └────▶ failed: reason; stays up for a look
//	                    └── new user data ──┘
//	SIGTERM ─▶ bootstrap, kubelet, pods, containerd, the rest ─▶ unmount ─▶ exit
package agent

import (
	"io"
	"time"
)

// Options say how the agent runs. The zero value is right for a machine.
type Options struct {
	// PauseImage is the sandbox image; "" takes the one that the machine image names in MachineFile.
	PauseImage string
	// ContainerdEnv and KubeletEnv are added to the services' environments, for tuning (GOGC, GOMEMLIMIT).
	ContainerdEnv, KubeletEnv []string
	// Path is the PATH of services and bootstrap commands; "" is DefaultPath.
	Path string
	// StopTimeout bounds each stage of an orderly shutdown: the kubelet, all pods together, containerd. 0 is 8 s, so that
	// a machine is down within the 30 s that whoever stops it usually waits.
	StopTimeout time.Duration
	// Log receives the agent's own log besides its file; nil is nobody.
	Log io.Writer
}

// DefaultPath is the PATH of services and bootstrap commands.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (o Options) withDefaults() Options {
	if o.Path == "" {
		o.Path = DefaultPath
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 8 * time.Second
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return o
}
