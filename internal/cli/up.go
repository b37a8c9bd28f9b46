package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/plan"
)

func upCommand(o *options) *cobra.Command {
	spec := cluster.Spec{}
	var dryRun bool
	var sources sourceFlags
	cmd := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Make a cluster on this machine, or bring one back to how it should be",
		Long: "Makes a Kubernetes cluster on this machine: gets the release, builds the machine image, starts the machine, and\n" +
			"returns when the node is Ready and the addons work. On a cluster that exists it does what is missing and no more,\n" +
			"after an interruption, a crash or a reboot as well.",
		Args: atMostOneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			spec.Name = nameOr(args, cluster.DefaultName)
			if err := cluster.ValidateName(spec.Name); err != nil {
				return err
			}
			local, err := o.local(sources)
			if err != nil {
				return err
			}
			if err := o.preflight(cmd.Context(), local, spec.Name); err != nil {
				return err
			}
			if !dryRun {
				unlock, err := local.Lock(cmd.Context(), spec.Name, func() { o.note("waiting for another slipway that is bringing up %q", spec.Name) })
				if err != nil {
					return err
				}
				defer unlock()
			}
			p, err := local.Up(cmd.Context(), spec)
			if err != nil {
				return err
			}
			if dryRun {
				return o.showPlan(p)
			}
			return o.bringUp(cmd, local, spec.Name, p)
		},
	}
	cmd.Flags().StringVar(&spec.Kubernetes, "kubernetes-version", "", "version of Kubernetes, such as v1.36.3 or 1.36 (default: the newest supported)")
	cmd.Flags().IntVar(&spec.APIPort, "api-port", 0, "port on 127.0.0.1 for the API (default: a free one, then always the same)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be done, and do nothing")
	sources.add(cmd)
	return cmd
}

// bringUp applies the plan and says how to go on.
func (o *options) bringUp(cmd *cobra.Command, local *cluster.Local, name string, p plan.Plan) error {
	if p.Empty() {
		return o.done("Nothing to be done: cluster %q is as it should be.\n", name)
	}
	journal, err := plan.OpenJournal(filepath.Join(local.Home, "clusters", name, "journal.jsonl"))
	if err != nil {
		return err
	}
	defer journal.Close()
	if err := o.apply(cmd.Context(), p, journal); err != nil {
		return err
	}
	record, err := local.Record(name)
	if err != nil {
		return err
	}
	return o.done("Kubernetes %s is ready.\n  %[2]s kubectl get nodes      export KUBECONFIG=$(%[2]s kubeconfig --path %[3]s)\n",
		record.Kubernetes, o.program, name)
}

// note tells a person what goes on besides the steps.
func (o *options) note(format string, args ...any) {
	if !o.json() {
		fmt.Fprintf(o.streams.Err, "  "+format+"\n", args...)
	}
}

// done says the last word to a person; programs have had it as events.
func (o *options) done(format string, args ...any) error {
	if o.json() {
		return nil
	}
	_, err := fmt.Fprintf(o.streams.Err, format, args...)
	return err
}

// atMostOneName allows one argument that cannot be a forgotten flag.
func atMostOneName(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return term.WithHint(fmt.Errorf("%d names given, one is enough", len(args)), "usage: %s", cmd.UseLine())
	}
	return nil
}

func nameOr(args []string, name string) string {
	if len(args) == 0 {
		return name
	}
	return args[0]
}
