package engine

import "path/filepath"

// The layout on disk, in one place; see the package comment.

func (e *Engine) clustersDir() string              { return filepath.Join(e.home(), "clusters") }
func (e *Engine) clusterDir(cluster string) string { return filepath.Join(e.clustersDir(), cluster) }
func (e *Engine) networkFile(cluster string) string {
	return filepath.Join(e.clusterDir(cluster), "network.json")
}
func (e *Engine) gatewayFile(cluster string) string {
	return filepath.Join(e.clusterDir(cluster), "gateway.json")
}
func (e *Engine) deletingFile(cluster string) string {
	return filepath.Join(e.clusterDir(cluster), "deleting")
}
func (e *Engine) machinesDir(cluster string) string {
	return filepath.Join(e.clusterDir(cluster), "machines")
}

func (e *Engine) runDir(cluster string) string   { return filepath.Join(e.run(), cluster) }
func (e *Engine) runcRoot(cluster string) string { return filepath.Join(e.runDir(cluster), "runc") }
func (e *Engine) netnsDir(cluster string) string { return filepath.Join(e.runDir(cluster), "netns") }

// clusterNS is the file of the cluster's network namespace. No machine can have this name.
func (e *Engine) clusterNS(cluster string) string {
	return filepath.Join(e.netnsDir(cluster), "_cluster")
}

// LogPath is the file with what a machine's first process wrote to standard output and error.
func (e *Engine) LogPath(cluster, machine string) string {
	return filepath.Join(e.machine(cluster, machine).dir, "log", "console.log")
}

// MachineVar is the directory that is /var in the machine, where the logs of everything in it are.
func (e *Engine) MachineVar(cluster, machine string) string {
	return e.machine(cluster, machine).varDir()
}

// DaemonLogPath is the log of the cluster's "keeper" or "gateway".
func (e *Engine) DaemonLogPath(cluster, daemon string) string {
	return filepath.Join(e.runDir(cluster), daemon+".log")
}

// machinePaths are one machine's files.
type machinePaths struct {
	cluster, name string
	dir           string // what survives
	run           string // the OCI bundle
	netns         string
}

func (e *Engine) machine(cluster, name string) machinePaths {
	return machinePaths{
		cluster: cluster, name: name,
		dir:   filepath.Join(e.machinesDir(cluster), name),
		run:   filepath.Join(e.runDir(cluster), "machines", name),
		netns: filepath.Join(e.netnsDir(cluster), name),
	}
}

func (p machinePaths) record() string  { return filepath.Join(p.dir, "machine.json") }
func (p machinePaths) upper() string   { return filepath.Join(p.dir, "upper") }
func (p machinePaths) work() string    { return filepath.Join(p.dir, "work") }
func (p machinePaths) varDir() string  { return filepath.Join(p.dir, "var") }
func (p machinePaths) logDir() string  { return filepath.Join(p.dir, "log") }
func (p machinePaths) rootfs() string  { return filepath.Join(p.run, "rootfs") }
func (p machinePaths) config() string  { return filepath.Join(p.run, "config.json") }
func (p machinePaths) pidFile() string { return filepath.Join(p.run, "pid") }
func (p machinePaths) runcLog() string { return filepath.Join(p.run, "runc.log") }

// lock is beside the directories it guards, so that it can be held while they are removed.
func (p machinePaths) lock() string { return p.run + ".lock" }

// cgroup is the machine's place below the root of every cgroup hierarchy.
func (p machinePaths) cgroup() string { return clusterCgroup(p.cluster) + "/" + p.name }

func clusterCgroup(cluster string) string { return cgroupRoot + "/" + cluster }

const cgroupRoot = "/slipway"
