package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/internal/cli/term"
)

func shellCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "shell MACHINE [-- PROGRAM ARGS…]",
		Short:   "Run a shell, or a program, in a machine",
		Example: "  slipway shell dev-control-plane-1\n  slipway shell dev-control-plane-1 -- ctr --namespace k8s.io images list",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			machine, e, err := local.Machine(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			program := args[1:]
			if len(program) == 0 {
				program = []string{"bash", "--login"}
			}
			err = e.Exec(cmd.Context(), machine.Cluster, machine.Name, engine.ExecOptions{
				Args: program, Env: []string{"TERM=" + os.Getenv("TERM"), "HOME=/root", "KUBECONFIG=/etc/kubernetes/admin.conf"}, Dir: "/root",
				TTY:   term.IsTerminal(o.streams.In) && term.IsTerminal(o.streams.Out),
				Stdin: o.streams.In, Stdout: o.streams.Out, Stderr: o.streams.Err,
			})
			var exit *engine.ExitError
			if errors.As(err, &exit) {
				return &ExitStatus{exit.Status}
			}
			return err
		},
	}
}
