package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/internal/cli/term"
)

func doctorCommand(o *options) *cobra.Command {
	var sources sourceFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine can run clusters",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			local, err := o.local(sources)
			if err != nil {
				return err
			}
			findings := local.Doctor(cmd.Context())
			if err := o.showFindings(findings); err != nil {
				return err
			}
			if len(engine.Blocking(findings)) > 0 {
				return &ExitStatus{1}
			}
			return nil
		},
	}
	sources.add(cmd)
	return cmd
}

func (o *options) showFindings(findings []engine.Finding) error {
	if o.json() {
		return term.Document(o.streams.Out, struct {
			term.TypeMeta
			Findings []engine.Finding `json:"findings"`
		}{term.Kind("FindingList"), findings})
	}
	for _, f := range findings {
		mark := "✔"
		switch {
		case !f.OK && f.Warning:
			mark = "!"
		case !f.OK:
			mark = "✘"
		}
		fmt.Fprintf(o.streams.Out, "  %s %-18s %s\n", mark, f.Name, f.What)
		if !f.OK && f.Why != "" {
			fmt.Fprintf(o.streams.Out, "    why:  %s\n", f.Why)
		}
		if !f.OK && f.Hint != "" {
			fmt.Fprintf(o.streams.Out, "    hint: %s\n", f.Hint)
		}
	}
	return nil
}

// preflight refuses to begin what could not end well on this host.
func (o *options) preflight(ctx context.Context, local *cluster.Local, name string) error {
	if err := needRoot(); err != nil {
		return err
	}
	blocking := engine.Blocking(local.CheckHost(ctx, name))
	if len(blocking) == 0 {
		return nil
	}
	first := blocking[0]
	err := fmt.Errorf("%s: %s", first.What, first.Why)
	if len(blocking) > 1 {
		return term.WithHint(err, "%s (and %d more: slipway doctor)", first.Hint, len(blocking)-1)
	}
	return term.WithHint(err, "%s", first.Hint)
}
