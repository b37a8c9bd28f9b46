// Package plan holds what Slipway is about to do as data: ordered steps that can be read, printed, applied, journaled and
// undone. It knows nothing of clusters or machines; the packages above it observe the world and turn what they find into a
// Plan. It refuses to decide anything: a step that is in the plan runs, a step that is not needed is not in the plan.
package plan

import (
	"context"
	"fmt"
)

// Action says what a step does to its object.
type Action string

// The actions. Run is for work that leaves no object of its own, such as waiting for health.
const (
	Create  Action = "create"
	Change  Action = "change"
	Replace Action = "replace"
	Delete  Action = "delete"
	Run     Action = "run"
)

// Disruption says how much a step costs whoever uses the cluster, from nothing to an outage.
type Disruption string

// The disruptions, mildest first.
const (
	NoDisruption      Disruption = "none"
	RestartsComponent Disruption = "restart"
	DrainsNode        Disruption = "drain"
	ReplacesMachine   Disruption = "replace"
	LosesAvailability Disruption = "outage"
)

// Step is one change. ID, Action and Run are required; ID is unique in its plan and stable between runs.
type Step struct {
	// ID names the step within its plan, such as "machine/dev-control-plane-1".
	ID string `json:"id"`
	// Title is what a person reads, a noun: "machine", "control plane". Empty means ID.
	Title string `json:"title,omitempty"`
	// Object is what the step is about, such as "dev-control-plane-1".
	Object string `json:"object,omitempty"`
	Action Action `json:"action"`
	// Reason names the input that made the step necessary, such as "machine is not running".
	Reason string `json:"reason,omitempty"`
	// Diff shows the change line by line, "-" before and "+" after, when there is one to show.
	Diff       string     `json:"diff,omitempty"`
	Disruption Disruption `json:"disruption,omitempty"`

	// Needs lists the steps that must be done before this one starts. Nil means the step before it in the plan; an empty
	// list means that it may start at once. Steps that need not wait for each other run at the same time.
	Needs []string `json:"needs,omitzero"`

	// Run makes the change. It must be safe to repeat: after an interruption the plan is made anew from what is there.
	Run func(ctx context.Context, report Reporter) error `json:"-"`
	// Undo takes the change back, or is nil where that is impossible.
	Undo func(ctx context.Context) error `json:"-"`
}

// Plan is an ordered list of steps. A plan without steps means that nothing has to be done.
type Plan struct {
	// Name says what the plan is for, such as "up dev". It names the plan in events and in the journal.
	Name  string `json:"name"`
	Steps []Step `json:"steps"`
}

// Empty reports whether nothing has to be done.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Validate refuses a plan that could not be applied: a step without an ID, action or Run, an ID used twice, or a need for
// a step that does not come earlier (which also rules out cycles).
func (p Plan) Validate() error {
	seen := map[string]bool{}
	for i, s := range p.Steps {
		switch {
		case s.ID == "":
			return fmt.Errorf("plan %q: step %d has no ID", p.Name, i)
		case seen[s.ID]:
			return fmt.Errorf("plan %q: two steps are called %q", p.Name, s.ID)
		case s.Action == "":
			return fmt.Errorf("plan %q: step %q has no action", p.Name, s.ID)
		case s.Run == nil:
			return fmt.Errorf("plan %q: step %q has nothing to run", p.Name, s.ID)
		}
		for _, need := range s.Needs {
			if !seen[need] {
				return fmt.Errorf("plan %q: step %q needs %q, which does not come before it", p.Name, s.ID, need)
			}
		}
		seen[s.ID] = true
	}
	return nil
}

// needs returns the IDs that step i waits for, with nil read as the step before it.
func (p Plan) needs(i int) []string {
	if n := p.Steps[i].Needs; n != nil || i == 0 {
		return n
	}
	return []string{p.Steps[i-1].ID}
}
