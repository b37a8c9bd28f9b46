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

// What has to fit on the disk, generously rounded: compiling takes the Go caches (5 GB) and the release; a cluster beside an
// image takes what its workloads write.
const (
	diskToCompile = 12 << 30
	diskToRun     = 2 << 30
)

// CheckHost looks whether this host can run machines, quickly and without changing it.
func (l *Local) CheckHost(ctx context.Context) []engine.Finding {
	need := uint64(diskToRun)
	if !l.hasRelease() {
		need = diskToCompile
	}
	return l.Engine(release.Release{}).Check(ctx, need)
}

func (l *Local) hasRelease() bool {
	list, err := l.Store().List()
	return err == nil && len(list) > 0
}

// Doctor checks all that up needs: the host, and that a release and an image are there or can be made.
func (l *Local) Doctor(ctx context.Context) []engine.Finding {
	findings := l.CheckHost(ctx)
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
