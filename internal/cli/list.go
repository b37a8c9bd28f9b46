package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/internal/cli/term"
)

func listCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the clusters of this machine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			all, err := local.List(cmd.Context())
			if err != nil {
				return err
			}
			if o.json() {
				return term.Document(o.streams.Out, struct {
					term.TypeMeta
					Clusters []cluster.Status `json:"clusters"`
				}{term.Kind("ClusterList"), all})
			}
			if len(all) == 0 {
				return o.done("No clusters. %s up makes one.\n", o.program)
			}
			var rows [][]string
			for _, c := range all {
				age := ""
				if !c.Created.IsZero() {
					age = term.Duration(time.Since(c.Created))
				}
				rows = append(rows, []string{c.Name, string(c.State), c.Kubernetes, fmt.Sprint(len(c.Machines)), c.Endpoint, age})
			}
			return term.Table(o.streams.Out, []string{"NAME", "STATE", "KUBERNETES", "MACHINES", "ENDPOINT", "AGE"}, rows)
		},
	}
}
