package cli

import (
	"fmt"
	"strings"

	"github.com/slipway-dev/slipway/internal/cli/term"
	"github.com/slipway-dev/slipway/plan"
)

// showPlan prints what would be done, as --dry-run does.
func (o *options) showPlan(p plan.Plan) error {
	if o.json() {
		return term.Document(o.streams.Out, struct {
			term.TypeMeta
			plan.Plan
		}{term.Kind("Plan"), p})
	}
	if p.Empty() {
		fmt.Fprintln(o.streams.Out, "Nothing to be done.")
		return nil
	}
	for i, s := range p.Steps {
		title := s.Title
		if title == "" {
			title = s.ID
		}
		fmt.Fprintf(o.streams.Out, "%3d. %-8s %-18s %s", i+1, s.Action, title, s.Object)
		if s.Reason != "" {
			fmt.Fprintf(o.streams.Out, "  (%s)", s.Reason)
		}
		if s.Disruption != "" && s.Disruption != plan.NoDisruption {
			fmt.Fprintf(o.streams.Out, "  disruption: %s", s.Disruption)
		}
		fmt.Fprintln(o.streams.Out)
		for _, line := range strings.Split(strings.TrimRight(s.Diff, "\n"), "\n") {
			if line != "" {
				fmt.Fprintln(o.streams.Out, "       "+line)
			}
		}
	}
	return nil
}
