package phase

import (
	"context"

	"github.com/slipway-dev/slipway/node/preflight"
	"github.com/slipway-dev/slipway/plan"
)

// Preflight looks at the machine before anything is changed.
func Preflight() Phase {
	return Phase{Name: "preflight", Short: "Run pre-flight checks", Plan: planPreflight}
}

func planPreflight(w *World) ([]Step, error) {
	ours := w.unchangedManifests()
	checks := preflight.Init(preflight.Machine{
		Host:        w.Host,
		Config:      w.Config,
		Proxy:       w.Machine.Proxy,
		Ours:        func(component string) bool { return ours[component] },
		KubeletOurs: len(w.fileStep(plan.Step{}, w.rendered.kubelet...)) == 0,
	})
	return []Step{{Step: plan.Step{
		ID: "preflight", Title: "preflight checks", Object: w.Config.NodeRegistration.Name, Action: plan.Run, Reason: "nothing is changed before the machine is fit",
		Run: func(ctx context.Context, _ plan.Reporter) error {
			report := preflight.Run(ctx, checks, append(w.Options.IgnorePreflight, w.Config.NodeRegistration.IgnorePreflightErrors...))
			for _, f := range report.Warnings {
				w.warn("[WARNING %s]: %s", f.Check, f.Text)
			}
			return report.Err()
		},
	}}}, nil
}
