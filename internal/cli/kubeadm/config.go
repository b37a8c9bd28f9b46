package kubeadm

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/config"
	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node"
	kubeadmapi "github.com/slipway-dev/slipway/node/kubeadm"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at configuration files",
		Args:  notThere,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show := &cobra.Command{
		Use:   "print",
		Short: "Print configuration files to begin with",
		Args:  notThere,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show.AddCommand(printDefaultsCommand(), laterCommand("join-defaults"), laterCommand("reset-defaults"), laterCommand("upgrade-defaults"))
	cmd.AddCommand(show, validateCommand(), laterCommand("migrate"), laterCommand("images"))
	return cmd
}

func printDefaultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init-defaults",
		Short: "Print the configuration of init with all its defaults",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printDefaults(cmd)
		},
	}
}

// printDefaults shows a file with placeholders where a machine would give the value.
func printDefaults(cmd *cobra.Command) error {
	start := &kubeadmapi.Config{Init: &kubeadmapi.InitConfiguration{}, Cluster: &kubeadmapi.ClusterConfiguration{}}
	in, err := start.Complete(kubeadmapi.Facts{Hostname: "node", Address: netip.AddrFrom4([4]byte{1, 2, 3, 4}), Rand: host.Local{}.Rand()})
	if err != nil {
		return err
	}
	in.BootstrapTokens[0].Token.ID, in.BootstrapTokens[0].Token.Secret = "abcdef", "0123456789abcdef"
	in.NodeRegistration.Taints = nil // the default depends on the command
	for i, document := range []any{in.InitConfiguration, in.Cluster} {
		data, err := config.Render(document)
		if err != nil {
			return err
		}
		if i > 0 {
			data = append([]byte("---\n"), data...)
		}
		if _, err := cmd.OutOrStdout().Write(data); err != nil {
			return err
		}
	}
	return nil
}

func validateCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Say what is wrong with a configuration file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return errors.New("--config is required")
			}
			c, err := loadFile(cmd, file)
			if err != nil {
				return err
			}
			if c.Init != nil || c.Cluster != nil {
				facts, err := node.Observe(cmd.Context(), host.Local{})
				if err != nil {
					return err
				}
				if !facts.Address.IsValid() {
					facts.Address = netip.AddrFrom4([4]byte{1, 2, 3, 4}) // the file is judged, not this machine
				}
				if _, err := c.Complete(facts); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ok")
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "kubeadm configuration file, - for standard input")
	return cmd
}
