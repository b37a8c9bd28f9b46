// Package preflight looks at a machine before anything is changed on it and says what would go wrong. Checks carry kubeadm's
// names, so that --ignore-preflight-errors means the same. They look only; none of them repairs anything or pulls an image.
package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Check is one question about the machine.
type Check struct {
	// Name is kubeadm's name of the check, by which a user can ignore it.
	Name string
	Run  func(ctx context.Context, f *Findings)
}

// Findings is what one check found. Each text says what is wrong, why it matters where that is not plain, and how to mend it.
type Findings struct {
	warnings, errors []string
}

// Warn notes something that may cause trouble.
func (f *Findings) Warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

// Fail notes something that stands in the way.
func (f *Findings) Fail(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// Finding is one thing found, with the check that found it.
type Finding struct {
	Check, Text string
}

func (f Finding) String() string { return f.Check + ": " + f.Text }

// Report is the result of all checks, in their order.
type Report struct {
	Warnings, Errors []Finding
}

// Run runs the checks at the same time. Errors of checks in ignore, case not regarded, become warnings; "all" is all of them.
func Run(ctx context.Context, checks []Check, ignore []string) Report {
	found := make([]Findings, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() { c.Run(ctx, &found[i]) })
	}
	running.Wait()
	var r Report
	for i, c := range checks {
		for _, text := range found[i].warnings {
			r.Warnings = append(r.Warnings, Finding{c.Name, text})
		}
		for _, text := range found[i].errors {
			if ignored(c.Name, ignore) {
				r.Warnings = append(r.Warnings, Finding{c.Name, text})
			} else {
				r.Errors = append(r.Errors, Finding{c.Name, text})
			}
		}
	}
	return r
}

func ignored(name string, ignore []string) bool {
	return slices.ContainsFunc(ignore, func(i string) bool {
		i = strings.TrimSpace(i)
		return strings.EqualFold(i, name) || strings.EqualFold(i, "all")
	})
}

// Err returns what stands in the way as one error, or nil.
func (r Report) Err() error {
	if len(r.Errors) == 0 {
		return nil
	}
	return &Error{Findings: r.Errors}
}

// Error is the refusal to start because of what the checks found.
type Error struct {
	Findings []Finding
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = "[ERROR " + f.Check + "]: " + f.Text
	}
	return "the machine is not ready (a check is passed over with --ignore-preflight-errors=NAME):\n" + strings.Join(lines, "\n")
}
