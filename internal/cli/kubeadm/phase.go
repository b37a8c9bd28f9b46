package kubeadm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/node"
)

// phaseCommand is `kubeadm init phase NAME [STEP]`.
func phaseCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use:   "phase NAME [STEP|all]",
		Short: "Run a single phase of init, or a single step of it",
		Long:  "Run a single phase of init, or a single step of it. What comes before it must have been done.\n\nThe phases are:\n" + phaseList(),
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(phaseNames(), args[0]) {
				return fmt.Errorf("unknown phase %q, known are %s", args[0], strings.Join(phaseNames(), ", "))
			}
			name := args[0]
			if len(args) == 2 && args[1] != "all" {
				name += "/" + args[1]
			}
			return runInit(cmd, f, []string{name})
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func phaseNames() []string {
	var names []string
	for _, p := range node.InitPhases() {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

func phaseList() string {
	var text strings.Builder
	var seen []string
	for _, p := range node.InitPhases() {
		if !slices.Contains(seen, p.Name) {
			fmt.Fprintf(&text, "  %-20s %s\n", p.Name, p.Short)
			seen = append(seen, p.Name)
		}
	}
	return text.String()
}
