//go:build !linux

package engine

import (
	"context"
	"time"

	"github.com/slipway-dev/slipway/engine/gateway"
)

// Elsewhere than on Linux the engine has the same methods, and none of them works: a program that manages clusters on other
// hosts compiles, and says plainly what it cannot do here.

func (e *Engine) EnsureNetwork(context.Context, string) (bool, error) { return false, ErrNeedsLinux }

func (e *Engine) EnsureMachine(context.Context, MachineSpec) (bool, error) {
	return false, ErrNeedsLinux
}

func (e *Engine) EnsureGateway(context.Context, string, int, int) (gateway.Config, bool, error) {
	return gateway.Config{}, false, ErrNeedsLinux
}

func (e *Engine) StopMachine(context.Context, string, string, time.Duration) error {
	return ErrNeedsLinux
}

func (e *Engine) DeleteMachine(context.Context, string, string) error { return ErrNeedsLinux }

func (e *Engine) DeleteCluster(context.Context, string) error { return ErrNeedsLinux }

func (e *Engine) Clusters(context.Context) ([]Cluster, error) { return nil, ErrNeedsLinux }

func (e *Engine) Cluster(context.Context, string) (Cluster, error) { return Cluster{}, ErrNeedsLinux }

func (e *Engine) Machines(context.Context, string) ([]Machine, error) { return nil, ErrNeedsLinux }

func (e *Engine) Lock(context.Context, string, func()) (func(), error) { return nil, ErrNeedsLinux }

func (e *Engine) Exec(context.Context, string, string, ExecOptions) error { return ErrNeedsLinux }

func (e *Engine) RunKeeper(context.Context, string) error { return ErrNeedsLinux }

func (e *Engine) RunGateway(context.Context, string) error { return ErrNeedsLinux }

// Check has one finding elsewhere: that this is not Linux.
func (e *Engine) Check(context.Context, uint64) []Finding {
	return []Finding{{
		Name: "linux", What: "this is not Linux", Why: ErrNeedsLinux.Error(), Hint: "run this command on a Linux host",
	}}
}
