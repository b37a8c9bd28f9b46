package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

func kubectlCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [--cluster NAME] ARGS…",
		Short: "Run the release's own kubectl against the named or only cluster",
		Long: "Runs the kubectl that belongs to the cluster's release, with the cluster's kubeconfig.\n" +
			"--cluster must come first; without it the only cluster of this machine is meant, or SLIPWAY_CLUSTER.",
		Example:            "  slipway kubectl get nodes\n  slipway kubectl --cluster staging get pods -A",
		DisableFlagParsing: true, // every flag but a leading --cluster is kubectl's own
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, rest, err := leadingCluster(args)
			if err != nil {
				return err
			}
			local, name, err := o.named(wanted)
			if err != nil {
				return err
			}
			kubeconfig, err := local.KubeconfigPath(name)
			if err != nil {
				return err
			}
			program, err := local.Kubectl(name)
			if err != nil {
				return err
			}
			return become(cmd.Context(), o.streams, program, append([]string{"kubectl"}, rest...), "KUBECONFIG="+kubeconfig)
		},
	}
}

// leadingCluster takes --cluster NAME off the front of kubectl's arguments.
func leadingCluster(args []string) (name, rest []string, err error) {
	if len(args) == 0 {
		return nil, args, nil
	}
	if value, ok := strings.CutPrefix(args[0], "--cluster="); ok {
		return []string{value}, args[1:], nil
	}
	if args[0] != "--cluster" {
		return nil, args, nil
	}
	if len(args) == 1 {
		return nil, nil, term.WithHint(errMissingClusterName, "slipway kubectl --cluster NAME get nodes")
	}
	return args[1:2], args[2:], nil
}
