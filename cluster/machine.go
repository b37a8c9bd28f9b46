package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/release"
)

// MachineNotFoundError says that no cluster of this host has a machine of that name.
type MachineNotFoundError struct {
	Name  string
	Known []string
}

func (e *MachineNotFoundError) Error() string {
	return fmt.Sprintf("no machine %q on this host", e.Name)
}

// Hint names the machines that there are.
func (e *MachineNotFoundError) Hint() string {
	if len(e.Known) == 0 {
		return "there are none; slipway up makes one"
	}
	return fmt.Sprintf("there are %q", e.Known)
}

// Machine finds a machine by its name, which carries its cluster's, and the engine to reach it with.
func (l *Local) Machine(ctx context.Context, name string) (engine.Machine, *engine.Engine, error) {
	clusters, err := l.Engine(release.Release{}).Clusters(ctx)
	if err != nil {
		return engine.Machine{}, nil, err
	}
	var known []string
	for _, c := range clusters {
		for _, m := range c.Machines {
			if m.Name == name {
				return m, l.EngineOf(c.Name), nil
			}
			known = append(known, m.Name)
		}
	}
	return engine.Machine{}, nil, &MachineNotFoundError{name, known}
}

// logs are the logs that a machine has, by the names that people give them, below its /var/log.
var logs = map[string]string{
	"agent":      "slipway/agent.log",
	"bootstrap":  "slipway/bootstrap.log",
	"containerd": "slipway/containerd.log",
	"kubelet":    "slipway/kubelet.log",
}

// Logs lists the names of a machine's logs.
func Logs() []string {
	var names []string
	for name := range logs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// OpenLog opens a machine's log, which the caller closes. The machine need not run. Its files are its own: links in them are not
// followed out of it. A log that is not there yet is fs.ErrNotExist.
func (l *Local) OpenLog(ctx context.Context, machine, log string) (*os.File, error) {
	file, ok := logs[log]
	if !ok {
		return nil, &HintedError{fmt.Errorf("no log %q", log), fmt.Sprintf("a machine has %q", Logs())}
	}
	m, e, err := l.Machine(ctx, machine)
	if err != nil {
		return nil, err
	}
	return os.OpenInRoot(e.MachineVar(m.Cluster, m.Name), filepath.Join("log", file))
}

// Kubectl returns the kubectl of a cluster's release.
func (l *Local) Kubectl(cluster string) (string, error) {
	program, ok := l.releaseOf(cluster).Program("kubectl")
	if !ok {
		return "", &HintedError{
			fmt.Errorf("the release of cluster %q is not in the store", cluster), "slipway release build brings it back",
		}
	}
	return l.Store().Path(program.Digest), nil
}
