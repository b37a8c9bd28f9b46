package kubeadm

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node"
	kubeadmapi "github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/phase"
	"github.com/slipway-dev/slipway/pki"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make bootstrap tokens, with which machines join",
		Args:  notThere,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tokenGenerateCommand(), tokenCreateCommand(), laterCommand("list"), laterCommand("delete"))
	return cmd
}

func tokenGenerateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "generate",
		Short: "Print a random token, without making it known to a cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := pki.NewToken(host.Local{}.Rand())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
}

func tokenCreateCommand() *cobra.Command {
	var kubeconfig, description string
	var ttl time.Duration
	var usages, groups []string
	var join bool
	cmd := &cobra.Command{
		Use:   "create [TOKEN]",
		Short: "Make a token and tell the cluster of it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h := host.Local{}
			t := kubeadmapi.BootstrapToken{Description: description, TTL: &metav1.Duration{Duration: ttl}, Usages: usages, Groups: groups}
			t.SetDefaults()
			token, err := chooseToken(h, args)
			if err != nil {
				return err
			}
			t.Token = &kubeadmapi.TokenString{Token: token}
			if err := t.Validate(field.NewPath("token")).ToAggregate(); err != nil {
				return err
			}
			line, err := node.CreateToken(cmd.Context(), h, kubeconfig, t)
			if err != nil {
				return err
			}
			if !join {
				line = token.String()
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), line)
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&kubeconfig, "kubeconfig", phase.AdminKubeconfig, "kubeconfig of an administrator")
	fs.StringVar(&description, "description", "", "what the token is for")
	fs.DurationVar(&ttl, "ttl", kubeadmapi.DefaultTokenTTL, "how long the token lives, 0 for ever")
	fs.StringSliceVar(&usages, "usages", nil, "signing, authentication or both")
	fs.StringSliceVar(&groups, "groups", nil, "groups that holders of the token are in")
	fs.BoolVar(&join, "print-join-command", false, "print the command with which a worker joins instead of the token")
	return cmd
}

func chooseToken(h host.Host, args []string) (pki.Token, error) {
	if len(args) == 1 {
		return pki.ParseToken(args[0])
	}
	return pki.NewToken(h.Rand())
}
