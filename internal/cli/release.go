package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/plan"
	"github.com/slipway-dev/slipway/release"
)

func releaseCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release",
		Short: "The programs of a Kubernetes version: get, list, carry to another machine",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		releaseListCommand(o),
		releaseGetCommand(o, "build", "Compile a release from Go modules, unless it is in the store", "compile"),
		releaseGetCommand(o, "pull", "Download a release from the official sites, unless it is in the store", "download"),
		releaseExportCommand(o), releaseImportCommand(o), releasePathCommand(o),
	)
	return cmd
}

func releaseListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the supported versions and those in the store",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			stored, err := local.Store().List()
			if err != nil {
				return err
			}
			if o.json() {
				return term.Document(o.streams.Out, struct {
					term.TypeMeta
					Releases []release.Release `json:"releases"`
				}{term.Kind("ReleaseList"), stored})
			}
			var rows [][]string
			for _, s := range release.AllSupported() {
				row := []string{s.Kubernetes.String(), "no", "", ""}
				if i := slices.IndexFunc(stored, func(r release.Release) bool { return r.Kubernetes == s.Kubernetes }); i >= 0 {
					row = []string{s.Kubernetes.String(), "yes", term.Bytes(stored[i].Size()), stored[i].Source}
				}
				rows = append(rows, append(row, components(s)))
			}
			return term.Table(o.streams.Out, []string{"KUBERNETES", "IN STORE", "SIZE", "SOURCE", "WITH"}, rows)
		},
	}
}

func components(s release.Supported) string {
	var all []string
	for name, version := range s.Components {
		all = append(all, name+" "+version)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func releaseGetCommand(o *options, use, short, source string) *cobra.Command {
	f := sourceFlags{source: source}
	cmd := &cobra.Command{
		Use:   use + " [VERSION]",
		Short: short,
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
			if _, err := local.Store().Lookup(want.Kubernetes, local.Arch); err == nil {
				return o.done("Nothing to be done: release %s is in the store.\n", want.Kubernetes)
			}
			return o.one(cmd.Context(), plan.Step{
				ID: "release", Title: "release " + want.Kubernetes.String(), Action: plan.Create, Reason: "asked for",
				Run: func(ctx context.Context, report plan.Reporter) error {
					_, err := release.Ensure(ctx, local.Store(), want, local.Arch, local.Sources, report)
					return err
				},
			})
		},
	}
	if source == "compile" {
		cmd.Flags().StringVar(&f.dist, "dist", "", "directory of the modules to compile (default: dist/ beside this program's directory)")
	}
	return cmd
}

// one applies a plan of a single step.
func (o *options) one(ctx context.Context, s plan.Step) error {
	return o.apply(ctx, plan.Plan{Name: s.Title, Steps: []plan.Step{s}}, nil)
}

func releaseExportCommand(o *options) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "export [VERSION] --file BUNDLE",
		Short: "Write a release as one OCI archive, for machines with no network",
		Args:  atMostOneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := o.local(sourceFlags{})
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
			if file == "" {
				file = "slipway-" + r.Name() + ".tar"
			}
			return o.one(cmd.Context(), plan.Step{
				ID: "bundle", Title: "bundle", Object: file, Action: plan.Create, Reason: "asked for",
				Run: func(ctx context.Context, _ plan.Reporter) error { return exportTo(ctx, local.Store(), r, file) },
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "file to write (default: slipway-VERSION-ARCH.tar)")
	return cmd
}

// exportTo writes the bundle beside its final name first, so that a file of that name is always whole.
func exportTo(ctx context.Context, store release.Store, r release.Release, file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".slipway-export-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there after the rename
	if err := errors.Join(release.Export(ctx, store, r, f), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return os.Rename(f.Name(), file)
}

func releaseImportCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "import BUNDLE",
		Short: "Take a release from a bundle that export has written",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			return o.one(cmd.Context(), plan.Step{
				ID: "bundle", Title: "bundle", Object: args[0], Action: plan.Create, Reason: "asked for",
				Run: func(ctx context.Context, report plan.Reporter) error {
					r, err := release.Import(ctx, local.Store(), f)
					if err != nil {
						return err
					}
					report.Became(r.Name(), "imported")
					return nil
				},
			})
		},
	}
}

func releasePathCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "path PROGRAM [VERSION]",
		Short: "Print where a program of a release is in the store",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			want, err := release.Find(nameOr(args[1:], ""))
			if err != nil {
				return err
			}
			r, err := local.Store().Lookup(want.Kubernetes, local.Arch)
			if err != nil {
				return term.WithHint(err, "slipway release build %s makes it", want.Kubernetes)
			}
			program, ok := r.Program(args[0])
			if !ok {
				var names []string
				for _, p := range r.Programs {
					names = append(names, p.Name)
				}
				return term.WithHint(fmt.Errorf("release %s has no program %q", want.Kubernetes, args[0]), "it has %s", strings.Join(names, ", "))
			}
			_, err = fmt.Fprintln(o.streams.Out, local.Store().Path(program.Digest))
			return err
		},
	}
}
