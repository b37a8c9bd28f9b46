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

// prune removes objects that are no longer part of an addon, workloads before what they read. Namespaces and definitions stay,
// since everything in them would go too; so do objects of which the field manager owns nothing any more, since somebody else took
// them over.
func prune(ctx context.Context, c *Client, objects []Ref, o Options) (Result, error) {
	o = o.oneAtATime()
	var result Result
	for s := stages - 1; s >= 0; s-- {
		var now []Ref
		for _, r := range objects {
			if stageOf(r.gvk().GroupKind()) == s {
				now = append(now, r)
			}
		}
		changes, err := c.pruneAll(ctx, now, o)
		result = append(result, changes...)
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

func (c *Client) pruneAll(ctx context.Context, objects []Ref, o Options) (Result, error) {
	changes, errs := make([]*Change, len(objects)), make([]error, len(objects))
	var all sync.WaitGroup
	for i, ref := range objects {
		all.Go(func() {
			change, err := c.prune(ctx, ref, o)
			if err != nil {
				errs[i] = fmt.Errorf("removing %s: %w", ref, err)
				return
			}
			changes[i] = &change
		})
	}
	all.Wait()
	var result Result
	for _, change := range changes {
		if change != nil {
			result = append(result, *change)
		}
	}
	return result, errors.Join(errs...)
}

// prune removes one object, or tells why it stays. One that is gone already counts as deleted.
func (c *Client) prune(ctx context.Context, ref Ref, o Options) (Change, error) {
	if outlivesAddon(ref.gvk().GroupKind()) {
		return Change{Object: ref, Outcome: Kept, Reason: "namespaces and definitions are not removed with an addon"}, nil
	}
	change := Change{Object: ref, Outcome: Deleted}
	err := c.patiently(ctx, o, func(ctx context.Context) error {
		endpoint, err := c.resource(ctx, ref)
		var unknown *UnknownKindError
		if errors.As(err, &unknown) {
			return nil // its definition is gone, and so is the object
		} else if err != nil {
			return err
		}
		live, err := endpoint.Get(ctx, ref.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		if !ownedBy(live, o.manager()) {
			change.Outcome, change.Reason = Kept, fmt.Sprintf("%q owns nothing of it any more", o.manager())
			return nil
		}
		err = endpoint.Delete(ctx, ref.Name, deletion(live))
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	return change, err
}

// deletion deletes exactly the object that was looked at, and what belongs to it afterwards.
func deletion(live *unstructured.Unstructured) metav1.DeleteOptions {
	uid, background := live.GetUID(), metav1.DeletePropagationBackground
	return metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background}
}

func ownedBy(o *unstructured.Unstructured, manager string) bool {
	for _, entry := range o.GetManagedFields() {
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply {
			return true
		}
	}
	return false
}
