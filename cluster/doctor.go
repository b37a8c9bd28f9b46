package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/release"
)

// What has to fit on the disk, generously rounded: compiling takes the Go caches (5 GB) and the release, an image its packages and
// layers, a new cluster what is its own. Bringing back one that exists needs nothing.
const (
	diskToCompile = 12 << 30
	diskToBuild   = 2 << 30
	diskToStart   = 300 << 20
)

// CheckHost looks whether this host can run the named cluster, quickly and without changing it. An empty name means a new one.
func (l *Local) CheckHost(ctx context.Context, name string) []engine.Finding {
	return l.Engine(release.Release{}).Check(ctx, l.needDisk(name))
}

func (l *Local) needDisk(name string) uint64 {
	if name != "" {
		if _, err := l.Record(name); err == nil {
			return 0
		}
	}
	if list, err := l.Store().List(); err != nil || len(list) == 0 {
		return diskToCompile
	}
	if images, err := image.List(l.imageStore()); err != nil || len(images) == 0 {
		return diskToBuild
	}
	return diskToStart
}

// Doctor checks all that up needs: the host, and that a release and an image are there or can be made.
func (l *Local) Doctor(ctx context.Context) []engine.Finding {
	findings := l.CheckHost(ctx, "")
	newest := release.AllSupported()[0]
	r, err := l.Store().Lookup(newest.Kubernetes, l.Arch)
	if err == nil {
		err = l.Store().Verify(r, true)
	}
	var absent *release.AbsentError
	switch {
	case err == nil:
		return append(findings, good("release", fmt.Sprintf("%s is in the store and whole", r.Name())), l.checkImage(ctx, r))
	case !errors.As(err, &absent):
		findings = append(findings, engine.Finding{
			Name: "release", Warning: true, What: err.Error(), Why: "the next up makes it anew", Hint: "slipway release build",
		})
	}
	return append(findings, l.checkToolchain(ctx, newest), l.checkMirror(ctx, image.Options{
		Store: l.imageStore(), Kubernetes: newest.Kubernetes.String(), Arch: l.Arch, Mirror: l.Mirror, Agent: l.Executable,
	}))
}

func good(name, what string) engine.Finding { return engine.Finding{Name: name, OK: true, What: what} }

func (l *Local) checkImage(ctx context.Context, r release.Release) engine.Finding {
	i, err := image.Current(l.ImageOptions(r))
	switch {
	case err != nil:
		return engine.Finding{Name: "machine image", What: err.Error(), Why: "machines are started from it", Hint: "slipway image build"}
	case i.Built:
		return good("machine image", i.String()+" is in the store")
	case i.Digest != "":
		return good("machine image", i.Name+" is built by the next up, from packages that are chosen already")
	}
	return l.checkMirror(ctx, l.ImageOptions(r))
}

// checkMirror looks whether base packages can be had.
func (l *Local) checkMirror(ctx context.Context, o image.Options) engine.Finding {
	where, err := image.CheckMirror(ctx, o)
	if err != nil {
		return engine.Finding{
			Name: "mirror", What: err.Error(), Why: "the machine image's base packages come from there", Hint: hintOf(err, "name another one with --mirror"),
		}
	}
	return good("mirror", where+" has the machine image's base packages")
}

// checkToolchain looks for what compiling a release needs. Without it a release can still be downloaded or imported.
func (l *Local) checkToolchain(ctx context.Context, want release.Supported) engine.Finding {
	compile := release.Compile{}
	for _, s := range l.Sources {
		if c, ok := s.(release.Compile); ok {
			compile = c
		}
	}
	if err := compile.Ready(ctx, want, l.Arch); err != nil {
		return engine.Finding{
			Name: "toolchain", Warning: true, What: err.Error(), Why: "without it a release can only be downloaded or imported",
			Hint: hintOf(err, "slipway release import takes a bundle that another machine has made"),
		}
	}
	return good("toolchain", "Go, a C compiler and libseccomp are there to compile the release, which is not in the store yet")
}

// hintOf returns what an error itself advises, or otherwise.
func hintOf(err error, otherwise string) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		return h.Hint()
	}
	return otherwise
}
