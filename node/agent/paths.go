package agent

// Files that others know the agent by.
const (
	// MachineFile is written into the machine image when that is built.
	MachineFile = "/etc/slipway/machine.json"
	// SeedDir is where whoever makes the machine puts its user data.
	SeedDir = "/var/lib/slipway/seed"
	// UserData must be moved into SeedDir as a whole: it is read as soon as the name appears.
	UserData = SeedDir + "/user-data"
	// Socket is where the agent takes orders.
	Socket = "/run/slipway/agent.sock"
	// Sentinel tells Cluster API that the machine has bootstrapped.
	Sentinel = "/run/cluster-api/bootstrap-success.complete"
	// FailureFile holds the reason why the bootstrap failed, in one line without secrets.
	FailureFile = "/run/slipway/bootstrap-failed"
	// DoneFile marks for good that the machine has bootstrapped; it holds the hash of the user data.
	DoneFile = "/var/lib/slipway/bootstrap.done"
	// LogDir holds agent.log, containerd.log, kubelet.log and bootstrap.log.
	LogDir = "/var/log/slipway"
)

const (
	bootstrapLog     = LogDir + "/bootstrap.log"
	cloudInitLog     = "/var/log/cloud-init-output.log"
	disabledDir      = "/var/lib/slipway/disabled"
	containerdConfig = "/etc/containerd/config.toml"
	notifySocket     = "/run/slipway/notify-containerd.sock"
	kubeletConfig    = "/var/lib/kubelet/config.yaml"
	kubeadmFlagsFile = "/var/lib/kubelet/kubeadm-flags.env"
	kubeletExtraFile = "/etc/default/kubelet"
	// kubeletCgroup is where all pods live; the kubelet's cgroupRoot.
	kubeletCgroup = "kubelet"
)
