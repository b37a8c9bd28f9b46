package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-dev/slipway/image/oci"
	"github.com/slipway-dev/slipway/plan"
)

// makeState lets the release's own containerd import and unpack the container images into dir/var/lib/containerd, as a
// machine's containerd would, so that no machine has to.
func (b *builder) makeState(ctx context.Context, dir string, report plan.Reporter) error {
	root := filepath.Join(dir, "var", "lib", "containerd")
	if err := makeDir(dir, "var/lib/containerd"); err != nil {
		return err
	}
	if len(b.Components) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can unpack container images, because it takes mounts: run this as root")
	}
	if b.Arch != runtime.GOARCH {
		return fmt.Errorf("container images for %s are unpacked by that architecture's containerd: this host is %s", b.Arch, runtime.GOARCH)
	}
	report.Say("making the images")
	images, err := b.images()
	if err != nil {
		return err
	}
	if err := b.importImages(ctx, root, images, report); err != nil {
		return err
	}
	report.Say("sharing the programs")
	return b.shareState(ctx, root)
}

func (b *builder) importImages(ctx context.Context, root string, images []oci.Named, report plan.Reporter) (err error) {
	report.Say("starting containerd")
	daemon, err := startContainerd(ctx, b.program("containerd").Path, b.program("ctr").Path, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.stop()) }()
	report.Say(fmt.Sprintf("unpacking %d container images", len(images)))
	named, err := withIDs(images)
	if err != nil {
		return err
	}
	if err := daemon.load(ctx, named, managedLabel); err != nil {
		return err
	}
	for _, image := range named {
		if !b.isPause(image.Image, images) {
			continue
		}
		if err := daemon.label(ctx, image.Reference, pinnedLabel); err != nil {
			return err
		}
	}
	return daemon.dropLayers(ctx)
}

// The labels by which the kubelet's interface of containerd knows images as its own, and as not to be removed when the disk
// fills: without the pause image no pod can start.
const (
	managedLabel = "io.cri-containerd.image=managed"
	pinnedLabel  = "io.cri-containerd.pinned=pinned"
)

// withIDs adds to each image a second name, its ID. containerd gives images such names when the kubelet pulls them; with
// names and labels both in place it has nothing to write when a machine starts.
func withIDs(images []oci.Named) ([]oci.Named, error) {
	all := slices.Clone(images)
	seen := map[string]bool{}
	for _, named := range images {
		id, err := named.Image.ConfigName()
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", named.Reference, err)
		}
		if !seen[id.String()] {
			all = append(all, oci.Named{Reference: id.String(), Image: named.Image})
			seen[id.String()] = true
		}
	}
	return all, nil
}

// isPause reports whether image is that of the component "pause".
func (b *builder) isPause(image v1.Image, images []oci.Named) bool {
	for _, c := range b.Components {
		if c.Name != "pause" {
			continue
		}
		for _, named := range images {
			if named.Reference == c.Reference {
				return named.Image == image
			}
		}
	}
	return false
}

// shareState makes the unpacked programs links to the release's store, and the tools links to those of the tools layer.
func (b *builder) shareState(ctx context.Context, root string) error {
	shared := newSharing()
	for _, p := range b.Programs {
		if err := shared.add(p.Path); err != nil {
			return err
		}
	}
	for _, layer := range []string{b.layer(b.inputs().tools()), filepath.Join(b.layer(b.inputs().base()), filepath.Dir(certificates))} {
		if err := shared.addTree(layer); err != nil {
			return err
		}
	}
	return shared.apply(ctx, filepath.Join(root, "io.containerd.snapshotter.v1.overlayfs", "snapshots"))
}
