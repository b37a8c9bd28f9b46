package addon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Apply makes the cluster's objects have the given fields, by server-side apply: definitions first, then what workloads read,
// then workloads, then the rest; the objects of one stage at once. Objects are never deleted or replaced. An API that is not
// ready yet is waited for. All that an object can fail with is found before a later stage begins; the error joins them, a
// *ConflictError among them for each object some of whose fields belong to others.
func Apply(ctx context.Context, c *Client, objects []*unstructured.Unstructured, o Options) (Result, error) {
	if err := distinct(objects); err != nil {
		return nil, err
	}
	o = o.oneAtATime()
	var result Result
	for s := range stages {
		now := inStage(objects, s)
		changes, err := c.applyAll(ctx, now, o)
		result = append(result, changes...)
		if err != nil {
			return result, err
		}
		if s == definitions {
			if err := Wait(ctx, c, now, o.Report); err != nil { // objects of a new kind need the kind to be served
				return result, err
			}
		}
	}
	return result, nil
}

// distinct refuses two objects of one name: which of them won would be chance.
func distinct(objects []*unstructured.Unstructured) error {
	seen := map[Ref]bool{}
	for _, ref := range refs(objects) {
		if seen[ref.identity()] {
			return fmt.Errorf("%s is there twice", ref)
		}
		seen[ref.identity()] = true
	}
	return nil
}

func inStage(objects []*unstructured.Unstructured, s stage) []*unstructured.Unstructured {
	var these []*unstructured.Unstructured
	for _, o := range objects {
		if stageOf(o.GroupVersionKind().GroupKind()) == s {
			these = append(these, o)
		}
	}
	return these
}

// applyAll applies objects at once. An object that the API refuses does not stop the others; an API that cannot be reached does.
func (c *Client) applyAll(ctx context.Context, objects []*unstructured.Unstructured, o Options) (Result, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var unreachable error // the first; the others are its echo
	var once sync.Once
	outcomes, errs := make([]Outcome, len(objects)), make([]error, len(objects))
	var all sync.WaitGroup
	for i, object := range objects {
		all.Go(func() {
			outcomes[i], errs[i] = c.apply(ctx, object, o)
			if errs[i] != nil && !refused(errs[i]) {
				once.Do(func() { unreachable = errs[i] })
				stop()
			}
		})
	}
	all.Wait()
	var result Result
	for i, object := range objects {
		if errs[i] == nil {
			result = append(result, Change{Object: RefOf(object), Outcome: outcomes[i]})
		}
	}
	if unreachable != nil {
		return result, unreachable
	}
	return result, errors.Join(errs...)
}

// refused reports whether the server understood the request for this one object and said no, or that there is no such kind.
func refused(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false // time ran out; the server's last word is only part of the message
	}
	var status apierrors.APIStatus
	var unknown *UnknownKindError
	return errors.As(err, &status) || errors.As(err, &unknown)
}

// apply applies one object. Whether that changed it shows in its resourceVersion: an apply that changes nothing is not written.
func (c *Client) apply(ctx context.Context, object *unstructured.Unstructured, o Options) (Outcome, error) {
	ref := RefOf(object)
	outcome, absent := Unchanged, false
	err := c.patiently(ctx, o, func(ctx context.Context) error {
		endpoint, err := c.resource(ctx, ref)
		if err != nil {
			return err
		}
		before, err := endpoint.Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		absent = absent || err != nil // the answer to an earlier attempt may have been lost after it was carried out
		after, err := endpoint.Apply(ctx, ref.Name, object, metav1.ApplyOptions{FieldManager: o.manager(), Force: o.Force})
		if err != nil {
			return err
		}
		switch {
		case absent:
			outcome = Created
		case before.GetResourceVersion() != after.GetResourceVersion():
			outcome = Changed
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("applying %s: %w", ref, withOwners(ref, err))
	}
	return outcome, nil
}
