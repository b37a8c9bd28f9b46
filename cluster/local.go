// Package cluster makes Kubernetes clusters on this host out of the libraries below it: it observes what is there, plans what
// is missing, and watches until the result serves. It refuses to know how a machine runs (engine), what it boots (image), how
// it becomes a node (node) or what runs in the cluster (addon); see docs/adr/0001 for what will become of it.
package cluster

import (
	"context"
	"io"
	"path"
	"path/filepath"
	"time"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/release"
)

// DefaultName is the cluster that is meant when none is named and none exists.
const DefaultName = "dev"

// Local is this host as a place for clusters. All fields but Mirror and Warn are required; New fills in the usual ones.
type Local struct {
	// Home holds clusters, images and releases.
	Home string
	// RunDir holds what runs; a reboot empties it.
	RunDir string
	// Arch is the host's architecture as Go names it.
	Arch string
	// Executable is the slipway program that runs in machines and as gateway and keeper.
	Executable string
	// Sources supply releases that the store does not have, tried in order.
	Sources []release.Source
	// Mirror is where base packages come from; empty means where this host's apt takes them from.
	Mirror string
	// Rand and Now are the randomness of keys and the clock of certificates.
	Rand io.Reader
	Now  func() time.Time
	// Warn is told what a person should know although the work goes on.
	Warn func(message string)
}

// Store is where releases are kept.
func (l *Local) Store() release.Store { return release.Store{Root: filepath.Join(l.Home, "store")} }

// imageStore is where machine images are kept: beside the releases, whose files they link to.
func (l *Local) imageStore() string { return filepath.Join(l.Home, "store") }

// ImageOptions describe the machine image of a release.
func (l *Local) ImageOptions(r release.Release) image.Options {
	o := image.Options{
		Store: l.imageStore(), Kubernetes: r.Kubernetes.String(), Arch: r.Arch, Agent: l.Executable, Mirror: l.Mirror,
	}
	store := l.Store()
	for _, p := range r.Programs {
		o.Programs = append(o.Programs, image.Program{Name: imageName(p), Digest: p.Digest.String(), Path: store.Path(p.Digest)})
	}
	for _, name := range image.Components() {
		o.Components = append(o.Components, image.Component{Name: name, Reference: r.Image(name)})
	}
	return o
}

// imageName is what the image calls a program: network plugins, whose names are common words, are told apart by a prefix.
func imageName(p release.Program) string {
	if path.Dir(p.Path) == "/opt/cni/bin" {
		return "cni/" + p.Name
	}
	return p.Name
}

// Engine returns the engine that runs machines with the runc of a release. Where the release is unknown, an empty one will
// do for everything but starting and entering machines.
func (l *Local) Engine(r release.Release) *engine.Engine {
	e := &engine.Engine{
		Home: l.Home, Run: l.RunDir, Warn: l.Warn,
		Clone:          func(ctx context.Context, from, to string) error { return image.CloneState(ctx, from, to) },
		KeeperCommand:  []string{l.Executable, "--home", l.Home, "keeper"},
		GatewayCommand: []string{l.Executable, "--home", l.Home, "gateway"},
	}
	if runc, ok := r.Program("runc"); ok {
		e.Runc = l.Store().Path(runc.Digest)
	}
	return e
}

// EngineOf returns the engine for a cluster that exists, with the runc of its release.
func (l *Local) EngineOf(cluster string) *engine.Engine { return l.Engine(l.releaseOf(cluster)) }

// Lock makes the caller the only one on this host who brings the cluster up, until it calls unlock or its process ends. While
// somebody else does, it waits; waiting is told once.
func (l *Local) Lock(ctx context.Context, cluster string, waiting func()) (unlock func(), err error) {
	return l.EngineOf(cluster).Lock(ctx, cluster, waiting)
}
