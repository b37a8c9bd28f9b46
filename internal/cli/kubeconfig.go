package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

func kubeconfigCommand(o *options) *cobra.Command {
	var path, merge bool
	var file string
	cmd := &cobra.Command{
		Use:   "kubeconfig [NAME]",
		Short: "Print a cluster's kubeconfig, its path, or add it to your own",
		Args:  atMostOneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			local, name, err := o.named(args)
			if err != nil {
				return err
			}
			if merge {
				written, err := local.MergeKubeconfig(name, file)
				if err != nil {
					return err
				}
				fmt.Fprintf(o.streams.Err, "Added cluster %q to %s and made it the current context.\n", name, written)
				return nil
			}
			at, err := local.KubeconfigPath(name)
			if err != nil {
				return err
			}
			if o.json() {
				return term.Document(o.streams.Out, struct {
					term.TypeMeta
					Name string `json:"name"`
					Path string `json:"path"`
				}{term.Kind("Kubeconfig"), name, at})
			}
			if path {
				fmt.Fprintln(o.streams.Out, at)
				return nil
			}
			data, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			_, err = o.streams.Out.Write(data)
			return err
		},
	}
	cmd.Flags().BoolVar(&path, "path", false, "print only where it is")
	cmd.Flags().BoolVar(&merge, "merge", false, "add it to your own kubeconfig, as kubectl would find it, and make it current")
	cmd.Flags().StringVar(&file, "kubeconfig", "", "with --merge: the file to add it to")
	return cmd
}
