package release

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-dev/slipway/plan"
)

// Source supplies releases.
type Source interface {
	// Name says where the bytes come from, in words that follow a release's name: "compiled from Go modules".
	Name() string
	// Fetch puts the files of a release into the store and describes it. The caller holds the store's lock and makes the
	// release known, so a Fetch that fails or is killed leaves no release; what it added may serve the next one. When ctx
	// ends it stops whatever it has started.
	Fetch(ctx context.Context, store Store, want Supported, arch string, report plan.Reporter) (Release, error)
}

// FallthroughError says why no source could supply a release, source by source.
type FallthroughError struct {
	Name    string
	Reasons []SourceError
}

// SourceError is the reason why one source could not.
type SourceError struct {
	Source string
	Err    error
}

func (e SourceError) Error() string { return e.Source + ": " + e.Err.Error() }
func (e SourceError) Unwrap() error { return e.Err }

func (e *FallthroughError) Error() string {
	if len(e.Reasons) == 0 {
		return fmt.Sprintf("release %s is not in the store and there is no source to get it from", e.Name)
	}
	var each []string
	for _, r := range e.Reasons {
		each = append(each, r.Error())
	}
	return fmt.Sprintf("release %s could not be had: %s", e.Name, strings.Join(each, "; "))
}

// Unwrap returns the reasons.
func (e *FallthroughError) Unwrap() []error {
	var all []error
	for _, r := range e.Reasons {
		all = append(all, r)
	}
	return all
}

// Hint says what makes the last source work, or where else a release can come from.
func (e *FallthroughError) Hint() string {
	var tool *MissingToolError
	if errors.As(e, &tool) {
		return tool.Hint()
	}
	return "slipway doctor tells what is missing on this machine; a release can also be imported from a bundle"
}

// Ensure returns the release from the store, or from the first source that can supply it, in their order; why one could not
// is reported when the next is tried. A release that is damaged is supplied anew. When all fail the error is a
// *FallthroughError with all reasons; an end of ctx ends it at once.
func Ensure(ctx context.Context, store Store, want Supported, arch string, sources []Source, report plan.Reporter) (Release, error) {
	if r, err := lookup(store, want, arch, nil); err == nil || !replaceable(err) {
		return r, err
	}
	unlock, err := store.Lock(ctx, report)
	if err != nil {
		return Release{}, err
	}
	defer unlock()
	// Another process may have supplied it while we waited.
	if r, err := lookup(store, want, arch, report); err == nil || !replaceable(err) {
		return r, err
	}
	if err := store.sweep(); err != nil {
		return Release{}, fmt.Errorf("clearing unfinished work out of the store: %w", err)
	}
	failed := &FallthroughError{Name: nameOf(want.Kubernetes, arch)}
	for _, source := range sources {
		r, err := supply(ctx, source, store, want, arch, report)
		if err == nil {
			report.Became(r.Kubernetes.String(), source.Name())
			return r, nil
		}
		if ctx.Err() != nil {
			return Release{}, context.Cause(ctx)
		}
		reason := SourceError{Source: source.Name(), Err: err}
		failed.Reasons = append(failed.Reasons, reason)
		report.Say("not " + reason.Error())
	}
	return Release{}, failed
}

// supply fetches from one source and makes the release known.
func supply(ctx context.Context, source Source, store Store, want Supported, arch string, report plan.Reporter) (Release, error) {
	r, err := source.Fetch(ctx, store, want, arch, report)
	if err != nil {
		return Release{}, err
	}
	if r.Name() != nameOf(want.Kubernetes, arch) {
		return Release{}, fmt.Errorf("it has release %s", r.Name())
	}
	r.Source = source.Name()
	r = r.sorted()
	if err := store.put(r); err != nil {
		return Release{}, fmt.Errorf("putting release %s into the store: %w", r.Name(), err)
	}
	return r, store.sweep()
}

// lookup is Store.Lookup for a release with the right versions in it: one made before a component's version was raised is
// as good as absent.
func lookup(store Store, want Supported, arch string, report plan.Reporter) (Release, error) {
	r, err := store.Lookup(want.Kubernetes, arch)
	if damaged := (*DamagedError)(nil); errors.As(err, &damaged) {
		report.Say(damaged.Error() + "; it is made anew")
	}
	if err != nil {
		return Release{}, err
	}
	for name, version := range want.Components {
		if r.Components[name] != version {
			report.Say(fmt.Sprintf("release %s in the store has %s %s and not %s; it is made anew", r.Name(), name, r.Components[name], version))
			return Release{}, &AbsentError{Name: r.Name()}
		}
	}
	return r, nil
}

// replaceable reports whether a lookup failed such that supplying the release anew is the answer.
func replaceable(err error) bool {
	var absent *AbsentError
	var damaged *DamagedError
	return errors.As(err, &absent) || errors.As(err, &damaged)
}
