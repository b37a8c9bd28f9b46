package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

func kubectlCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [--cluster NAME] ARGS…",
		Short: "Run the release's own kubectl against the named or only cluster",
		Long: "Runs the kubectl that belongs to the cluster's release, with the cluster's kubeconfig.\n" +
			"--cluster (and --home) must come first; without it the only cluster of this machine is meant, or SLIPWAY_CLUSTER.",
		Example:            "  slipway kubectl get nodes\n  slipway kubectl --cluster staging get pods -A",
		DisableFlagParsing: true, // every flag but a leading --cluster is kubectl's own
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, rest, err := o.leadingFlags(args)
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

// leadingFlags takes our own flags off the front of kubectl's arguments: --cluster, and --home, which cobra hands on.
func (o *options) leadingFlags(args []string) (name, rest []string, err error) {
	for len(args) > 0 {
		flag, value, joined := strings.Cut(args[0], "=")
		if flag != "--cluster" && flag != "--home" {
			break
		}
		args = args[1:]
		if !joined {
			if len(args) == 0 {
				return nil, nil, term.WithHint(fmt.Errorf("%s needs a value", flag), "slipway kubectl --cluster NAME get nodes")
			}
			value, args = args[0], args[1:]
		}
		if flag == "--home" {
			o.home = value
		} else {
			name = []string{value}
		}
	}
	return name, args, nil
}
