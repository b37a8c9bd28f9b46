package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/internal/cli/term"
)

func logsCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "logs MACHINE [" + strings.Join(cluster.Logs(), "|") + "]",
		Short: "Print a machine's log (default: kubelet)",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := o.local(sourceFlags{})
			if err != nil {
				return err
			}
			log := "kubelet"
			if len(args) == 2 {
				log = args[1]
			}
			f, err := local.OpenLog(cmd.Context(), args[0], log)
			if errors.Is(err, fs.ErrNotExist) {
				return term.WithHint(fmt.Errorf("machine %q has no %s log yet", args[0], log), "it appears when %s starts", log)
			}
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(o.streams.Out, f)
			return err
		},
	}
}
