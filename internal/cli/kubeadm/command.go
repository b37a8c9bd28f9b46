// Package kubeadm is the command line of kubeadm over the node library, for people, scripts and tools that know it: the same
// commands, flags and files. It decides nothing itself. Commands that Slipway does not have yet say so.
package kubeadm

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	kubeadmapi "github.com/slipway-dev/slipway/node/kubeadm"
)

// Command returns the command `kubeadm`.
func Command() *cobra.Command {
	root := &cobra.Command{
		Use:           "kubeadm",
		Short:         "Make this machine a node of a Kubernetes cluster (Slipway's kubeadm)",
		Args:          notThere,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().IntP("v", "v", 0, "1 and above also tell when a step begins")
	root.AddCommand(initCommand(), tokenCommand(), configCommand(), versionCommand())
	for _, name := range later() {
		root.AddCommand(laterCommand(name))
	}
	return root
}

// later are kubeadm's commands that are still to come.
func later() []string { return []string{"join", "reset", "upgrade", "certs", "kubeconfig"} }

// laterCommand refuses clearly, whatever flags it gets, so that a script stops here and not somewhere later.
func laterCommand(name string) *cobra.Command {
	return &cobra.Command{
		Use:                name,
		Short:              "Not in this version of Slipway yet",
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("kubeadm %s is not in this version of Slipway yet; nothing was changed (here are: init, init phase, token, config, version)", name)
		},
	}
}

// notThere refuses a subcommand that does not exist. Words that kubeadm has are told apart from misspelt ones.
func notThere(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if slices.Contains([]string{"alpha", "completion"}, args[0]) {
		return fmt.Errorf("%s %s is not in this version of Slipway yet", cmd.CommandPath(), args[0])
	}
	return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
}

func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of Kubernetes that this kubeadm sets up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version := kubeadmapi.DefaultKubernetesVersion
			switch output {
			case "short":
				_, err := fmt.Fprintln(cmd.OutOrStdout(), version)
				return err
			case "":
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "kubeadm version: %s (slipway)\n", version)
				return err
			case "yaml", "json":
				return printDocument(cmd, output, map[string]any{"clientVersion": map[string]string{"major": "1", "minor": "36", "gitVersion": version}})
			}
			return fmt.Errorf("unknown output format %q: use short, yaml or json", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "short, yaml or json")
	return cmd
}

func printDocument(cmd *cobra.Command, format string, document any) error {
	data, err := yaml.Marshal(document)
	if err != nil {
		return err
	}
	if format == "json" {
		if data, err = yaml.YAMLToJSON(data); err != nil {
			return err
		}
		data = append(data, '\n')
	}
	_, err = cmd.OutOrStdout().Write(data)
	return err
}
