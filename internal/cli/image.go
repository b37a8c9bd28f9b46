package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/plan"
	"github.com/slipway-dev/slipway/release"
)

func imageCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "The root file systems that machines start from",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(imageListCommand(o), imageBuildCommand(o), imageRemoveCommand(o))
	return cmd
}

func imageListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the machine images in the store",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			images, err := image.List(o.imageStore())
			if err != nil {
				return err
			}
			if o.json() {
				return term.Document(o.streams.Out, struct {
					term.TypeMeta
					Images []image.Image `json:"images"`
				}{term.Kind("ImageList"), images})
			}
			var rows [][]string
			for _, i := range images {
				rows = append(rows, []string{i.String(), i.Arch, fmt.Sprint(len(i.Packages)), fmt.Sprint(len(i.References)), i.Created.Local().Format("2006-01-02 15:04")})
			}
			return term.Table(o.streams.Out, []string{"IMAGE", "ARCH", "PACKAGES", "CONTAINER IMAGES", "CREATED"}, rows)
		},
	}
}

func (o *options) imageStore() string { return filepath.Join(o.home, "store") }

func imageBuildCommand(o *options) *cobra.Command {
	var f sourceFlags
	var update, dryRun bool
	cmd := &cobra.Command{
		Use:   "build [VERSION]",
		Short: "Build the machine image of a Kubernetes version, unless it is in the store",
		Args:  atMostOneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := o.local(f)
			if err != nil {
				return err
			}
			want, err := release.Find(nameOr(args, ""))
			if err != nil {
				return err
			}
			r, err := local.Store().Lookup(want.Kubernetes, local.Arch)
			if err != nil {
				return term.WithHint(err, "slipway release build %s makes it", want.Kubernetes)
			}
			opts := local.ImageOptions(r)
			opts.Update = update
			p, err := image.Plan(opts)
			if err != nil {
				return err
			}
			if dryRun {
				return o.showPlan(p)
			}
			if p.Empty() {
				return o.done("Nothing to be done: the image is in the store.\n")
			}
			return o.one(cmd.Context(), plan.Step{
				ID: "image", Title: "machine image", Object: "node/" + want.Kubernetes.String(), Action: plan.Create, Reason: "asked for",
				Run: func(ctx context.Context, report plan.Reporter) error {
					_, err := image.Build(ctx, opts, report)
					return err
				},
			})
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "take the newest base packages that the mirror has")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be built, and do nothing")
	f.add(cmd)
	return cmd
}

func imageRemoveCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "rm DIGEST",
		Short: "Remove a machine image that no machine uses",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needRoot(); err != nil {
				return err
			}
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			i, err := findImage(o.imageStore(), args[0])
			if err != nil {
				return err
			}
			if err := unused(cmd.Context(), local, i); err != nil {
				return err
			}
			if err := image.Remove(o.imageStore(), i.Digest); err != nil {
				return err
			}
			return o.done("Removed %s.\n", i)
		},
	}
}

// findImage finds an image by its digest or the beginning of it.
func findImage(store, digest string) (image.Image, error) {
	images, err := image.List(store)
	if err != nil {
		return image.Image{}, err
	}
	_, short, _ := strings.Cut(digest, "@")
	if short == "" {
		short = digest
	}
	short = strings.TrimSuffix(strings.TrimPrefix(short, "sha256:"), "…")
	matches := slices.DeleteFunc(images, func(i image.Image) bool {
		return !strings.HasPrefix(strings.TrimPrefix(i.Digest, "sha256:"), short)
	})
	if len(matches) != 1 {
		return image.Image{}, term.WithHint(fmt.Errorf("%d images match %q", len(matches), digest), "slipway image list shows their digests")
	}
	return matches[0], nil
}

// unused refuses to take an image away from under a machine.
func unused(ctx context.Context, local *cluster.Local, i image.Image) error {
	all, err := local.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		for _, m := range c.Machines {
			if m.Image == i.Digest {
				return term.WithHint(fmt.Errorf("machine %q runs from image %s", m.Name, i), "slipway down %s removes it first", c.Name)
			}
		}
	}
	return nil
}
