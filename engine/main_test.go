//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test binary stand in for the slipway program: where the engine starts its keeper and gateway, and where a
// test wants a caller that it can kill.
func TestMain(m *testing.M) {
	if len(os.Args) == 7 && os.Args[1] == "test-daemon" {
		e := actor(os.Args[3], os.Args[4], os.Args[5])
		run := map[string]func(context.Context, string) error{keeperName: e.RunKeeper, gatewayName: e.RunGateway}[os.Args[2]]
		exit(run(context.Background(), os.Args[6]))
	}
	if len(os.Args) == 7 && os.Args[1] == "test-up" {
		exit(up(actor(os.Args[2], os.Args[3], os.Args[4]), os.Args[5], os.Args[6]))
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func actor(home, run, runc string) *Engine {
	e := &Engine{Home: home, Run: run, Runc: runc}
	e.KeeperCommand, e.GatewayCommand = daemonCommands(e)
	e.Warn = func(message string) { fmt.Fprintln(os.Stderr, message) }
	return e
}

func up(e *Engine, cluster, root string) error {
	ctx := context.Background()
	_, err1 := e.EnsureNetwork(ctx, cluster)
	_, err2 := e.EnsureMachine(ctx, testMachine(cluster, "m1", root))
	_, _, err3 := e.EnsureGateway(ctx, cluster, 0, 6443)
	return errors.Join(err1, err2, err3)
}

func daemonCommands(e *Engine) (keeper, gateway []string) {
	command := func(name string) []string {
		return []string{"/proc/self/exe", "test-daemon", name, e.Home, e.Run, e.Runc}
	}
	return command(keeperName), command(gatewayName)
}
