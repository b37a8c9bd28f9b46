// Package addon brings what runs inside a cluster into it, keeps it there and takes it out: it applies objects server-side from
// outside the cluster, so that it also works before any pod can run, waits for their health, and removes what an addon no longer
// contains. What is applied comes from elsewhere, rendered by pure functions (addon/catalog); this package refuses to render,
// to choose versions, and to run anything that comes with an addon.
//
// The life of an addon is Start (remember, apply) and Finish (wait for health, prune, remember). Both are safe to repeat and to
// interrupt anywhere: an inventory in the cluster always lists at least what has been applied.
package addon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-dev/slipway/plan"
)

// Addon is one package at one version, rendered for one cluster.
type Addon struct {
	// Name is unique in a cluster and a DNS label, such as "coredns". The inventory is kept under it.
	Name string
	// Version is the version of the program that the addon brings, such as "v1.15.0".
	Version string
	// Objects are everything the addon consists of, in any order.
	Objects []*unstructured.Unstructured
}

// FieldManager owns the fields that Slipway applies, unless Options say otherwise.
const FieldManager = "slipway"

// Options say how addons are applied. The zero value is good for a cluster that has just been started.
type Options struct {
	// FieldManager owns the applied fields; empty means FieldManager.
	FieldManager string
	// Force takes fields over from other managers. Without it such a field is a *ConflictError that names its owner.
	Force bool
	// Patience is how long an API that does not answer yet is waited for; zero means 30 seconds, negative means not at all.
	Patience time.Duration
	// Report is told what is being done and waited for, one call at a time; nil drops it.
	Report plan.Reporter
}

// oneAtATime makes the reports of concurrent work come one after the other.
func (o Options) oneAtATime() Options {
	report := o.Report
	if report == nil {
		return o
	}
	var mu sync.Mutex
	o.Report = func(ev plan.Event) {
		mu.Lock()
		defer mu.Unlock()
		report(ev)
	}
	return o
}

func (o Options) manager() string {
	if o.FieldManager == "" {
		return FieldManager
	}
	return o.FieldManager
}

// Install starts the addons, all at once, and finishes them. That one needs another is no reason to wait between them: the
// cluster's own controllers repeat what did not work yet. The result lists the changes of all of them; when err is not nil, those
// made so far.
func Install(ctx context.Context, c *Client, addons []Addon, o Options) (Result, error) {
	o = o.oneAtATime()
	started, err := together(addons, func(a Addon) (Result, error) { return Start(ctx, c, a, o) })
	if err != nil {
		return started, err
	}
	progress := newProgress(o.Report, addons)
	finished, err := together(addons, func(a Addon) (Result, error) {
		each := o
		each.Report = progress.reporter(a.Name)
		result, err := Finish(ctx, c, a, each)
		if err == nil {
			progress.done(a.Name)
		}
		return result, err
	})
	return append(started, finished...), err
}

// Start records what the addon consists of and applies it. It does not wait for health and removes nothing.
func Start(ctx context.Context, c *Client, a Addon, o Options) (Result, error) {
	inv, err := loadInventory(ctx, c, a.Name, o)
	if err != nil {
		return nil, a.failed(err)
	}
	// Before the first object is made, so that an interruption at any point leaves nothing that nobody remembers.
	if err := inv.save(ctx, c, a.Version, union(inv.Objects, refs(a.Objects)), o); err != nil {
		return nil, a.failed(err)
	}
	result, err := Apply(ctx, c, a.Objects, o)
	if err != nil {
		return result, a.failed(err)
	}
	return result, nil
}

// Finish waits until the addon is healthy, then removes what an earlier version had and this one has not.
func Finish(ctx context.Context, c *Client, a Addon, o Options) (Result, error) {
	if err := Wait(ctx, c, a.Objects, o.Report); err != nil {
		return nil, a.failed(err)
	}
	inv, err := loadInventory(ctx, c, a.Name, o)
	if err != nil {
		return nil, a.failed(err)
	}
	result, err := prune(ctx, c, without(inv.Objects, refs(a.Objects)), o)
	if err != nil {
		return result, a.failed(err) // the inventory still lists what could not be removed
	}
	if err := inv.save(ctx, c, a.Version, refs(a.Objects), o); err != nil {
		return result, a.failed(err)
	}
	return result, nil
}

func (a Addon) failed(err error) error { return fmt.Errorf("addon %q: %w", a.Name, err) }

// together runs do for all addons at once and returns all results and all errors, in the order of the addons.
func together(addons []Addon, do func(Addon) (Result, error)) (Result, error) {
	results, errs := make([]Result, len(addons)), make([]error, len(addons))
	var all sync.WaitGroup
	for i, a := range addons {
		all.Go(func() { results[i], errs[i] = do(a) })
	}
	all.Wait()
	var joined Result
	for _, r := range results {
		joined = append(joined, r...)
	}
	return joined, errors.Join(errs...)
}

// progress turns the reports of several addons into one: how many are done, and what the others wait for.
type progress struct {
	report  plan.Reporter
	mu      sync.Mutex
	names   []string // those that are not done, in order
	waiting map[string]string
	total   int
}

func newProgress(report plan.Reporter, addons []Addon) *progress {
	p := &progress{report: report, waiting: map[string]string{}, total: len(addons)}
	for _, a := range addons {
		p.names = append(p.names, a.Name)
	}
	return p
}

func (p *progress) reporter(name string) plan.Reporter {
	return func(ev plan.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting[name] = ev.Message
		p.tell()
	}
}

func (p *progress) done(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.names {
		if n == name {
			p.names = append(p.names[:i:i], p.names[i+1:]...)
			break
		}
	}
	p.tell()
}

func (p *progress) tell() {
	var messages []string
	for _, name := range p.names {
		if m := p.waiting[name]; m != "" {
			messages = append(messages, m)
		}
	}
	p.report.Count(int64(p.total-len(p.names)), int64(p.total), "addons", strings.Join(messages, "; "))
}
