package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
)

func downCommand(o *options) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Remove a cluster with all that is in it",
		Long:  "Removes everything that this machine has of a cluster, data included. Releases and images stay for the next one.",
		Args:  atMostOneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := nameOr(args, cluster.DefaultName)
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			if err := needRoot(); err != nil {
				return err
			}
			p, err := local.Down(cmd.Context(), name)
			if err != nil {
				return err
			}
			if dryRun {
				return o.showPlan(p)
			}
			if p.Empty() {
				return o.done("Nothing to be done: there is no cluster %q.\n", name)
			}
			return o.apply(cmd.Context(), p, nil) // the journal goes with the cluster
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be done, and do nothing")
	return cmd
}
