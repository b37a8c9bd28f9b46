package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

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
	if err == nil {
		findings = append(findings, good("release", fmt.Sprintf("%s is in the store and whole", r.Name())), l.checkImage(r))
		return findings
	}
	var absent *release.AbsentError
	if !errors.As(err, &absent) {
		findings = append(findings, engine.Finding{
			Name: "release", Warning: true, What: err.Error(), Why: "the next up makes it anew", Hint: "slipway release build",
		})
	}
	return append(findings, l.checkToolchain())
}

func good(name, what string) engine.Finding { return engine.Finding{Name: name, OK: true, What: what} }

func (l *Local) checkImage(r release.Release) engine.Finding {
	i, err := image.Current(l.ImageOptions(r))
	switch {
	case err != nil:
		return engine.Finding{Name: "machine image", What: err.Error(), Why: "machines are started from it", Hint: "slipway image build"}
	case !i.Built:
		return engine.Finding{Name: "machine image", Warning: true, What: i.Name + " is not in the store", Why: "the next up builds it", Hint: "slipway image build"}
	}
	return good("machine image", i.String()+" is in the store")
}

// checkToolchain looks for what compiling a release needs.
func (l *Local) checkToolchain() engine.Finding {
	for _, program := range []string{"go", "gcc"} {
		if _, err := exec.LookPath(program); err != nil {
			return engine.Finding{
				Name: "toolchain", Warning: true, What: program + " is not installed",
				Why:  "without it a release can only be downloaded or imported",
				Hint: "install Go from https://go.dev/dl, and on Debian: apt-get install gcc libseccomp-dev",
			}
		}
	}
	return good("toolchain", "go and gcc are installed; no release is in the store yet")
}
