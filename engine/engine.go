// Package engine runs machines as system containers on this Linux host, with runc and overlay mounts, without Docker. Every
// cluster has a network of its own with the same addresses (engine/network), a gateway that publishes its endpoint on loopback
// (engine/gateway), and a keeper that starts machines again when they die.
//
// What must survive a reboot is in files under Home that a person can read; what a reboot takes anyway (processes, mounts,
// namespaces) is under Run. Every operation compares what is wanted with what is there, so it can be repeated after an
// interruption at any point; deleting works on half-made state too. The engine refuses to know what runs in a machine.
//
//	<Home>/clusters/<cluster>/network.json, gateway.json, deleting
//	<Home>/clusters/<cluster>/machines/<machine>/machine.json, upper/, work/, var/, log/console.log
//	<Run>/<cluster>/netns/, runc/, keeper.pid, gateway.pid, keeper.log, gateway.log
//	<Run>/<cluster>/machines/<machine>/config.json, rootfs/, pid, runc.log
package engine

import (
	"cmp"
	"context"
	"time"
)

// The directories that are used unless an Engine names others.
const (
	DefaultHome = "/var/lib/slipway"
	DefaultRun  = "/run/slipway"
)

// Engine is this host as a place for machines. Home, Run and Runc decide what it works on; the zero value of the rest is
// useful. All methods are safe for concurrent use, also by several processes.
type Engine struct {
	// Home holds what survives a reboot; empty means DefaultHome.
	Home string
	// Run holds what does not; empty means DefaultRun.
	Run string
	// Runc is the path of the runc program.
	Runc string
	// Clone copies the tree from to the directory to, which does not exist yet, sharing what can be shared. It is needed for
	// machines with a StateDir.
	Clone func(ctx context.Context, from, to string) error
	// KeeperCommand and GatewayCommand are the command lines that end in RunKeeper and RunGateway; the cluster's name is
	// appended. The programs are started in sessions of their own and outlive their starter.
	KeeperCommand, GatewayCommand []string
	// Now is the clock that machine.json's times are from; nil means time.Now.
	Now func() time.Time
	// Warn is told what a person should know although the operation goes on; nil drops it.
	Warn func(message string)
}

func (e *Engine) home() string { return cmp.Or(e.Home, DefaultHome) }
func (e *Engine) run() string  { return cmp.Or(e.Run, DefaultRun) }

// now is the time as it is written to files.
func (e *Engine) now() time.Time {
	clock := time.Now
	if e.Now != nil {
		clock = e.Now
	}
	return clock().UTC().Truncate(time.Second)
}

func (e *Engine) warn(messages ...string) {
	if e.Warn == nil {
		return
	}
	for _, m := range messages {
		e.Warn(m)
	}
}
