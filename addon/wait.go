package addon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/slipway-dev/slipway/plan"
)

// UnhealthyError says that an object did not become healthy: what is missing, and what its pods and the cluster's events tell
// about why. Unwrap leads to context.DeadlineExceeded when it is time that ran out.
type UnhealthyError struct {
	Object  Ref
	Message string
	// Why are the reasons found, the most telling first. It can be empty.
	Why []string
	err error
}

func (e *UnhealthyError) Error() string {
	text := fmt.Sprintf("%s is not healthy: %s", e.Object, e.Message)
	if len(e.Why) > 0 {
		text += ": " + strings.Join(e.Why, "; ")
	}
	return text
}

func (e *UnhealthyError) Unwrap() error { return e.err }

// Wait watches the objects until all are healthy (HealthOf), one of them fails for good, or ctx ends; without a deadline it can
// wait forever. It asks for nothing but the watches, and for reasons once it is too late: when ctx runs out of time the error joins
// an *UnhealthyError for each object that is not healthy.
func Wait(ctx context.Context, c *Client, objects []*unstructured.Unstructured, report plan.Reporter) error {
	watched := slices.DeleteFunc(refs(objects), func(r Ref) bool {
		_, has := judges(r.gvk().GroupKind())
		return !has
	})
	if len(watched) == 0 {
		return nil
	}
	w := newWaiting(report, watched)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(watched))
	var all sync.WaitGroup
	for i, ref := range watched {
		all.Go(func() {
			if errs[i] = c.follow(watching, ref, func(h Health) { w.tell(i, h) }); errs[i] != nil {
				stop() // one that failed for good is reason enough to return
			}
		})
	}
	all.Wait()
	return c.verdict(ctx, w, errs)
}

// verdict turns how the watches ended into what the caller reads.
func (c *Client) verdict(ctx context.Context, w *waiting, errs []error) error {
	var found []error
	for i, err := range errs {
		switch {
		case err == nil:
		case ctx.Err() == nil && errors.Is(err, context.Canceled): // stopped because of another
		case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
			return fmt.Errorf("waiting for %s: %w", w.objects[i], context.Cause(ctx)) // whoever cancels wants no explanation
		case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errFailed):
			found = append(found, fmt.Errorf("watching %s: %w", w.objects[i], err))
		default:
			found = append(found, c.explain(ctx, w.objects[i], w.message(i), err))
		}
	}
	return errors.Join(found...)
}

// errFailed is what follow returns for an object that will not recover by itself.
var errFailed = errors.New("it failed")

// follow returns nil once the object is healthy. A watch without a version begins with the object as it is, so there is nothing
// to get first; a watch that ends, as they all do from time to time, is begun anew.
func (c *Client) follow(ctx context.Context, ref Ref, tell func(Health)) error {
	var waited time.Duration // since something came through a watch
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		progressed, done, err := c.followOnce(ctx, ref, tell)
		if done || err != nil && !passes(err, waited) {
			return err
		}
		if progressed {
			delay, waited = firstDelay, 0
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
		waited += delay
	}
}

// passes reports whether a watch that ended so, after having waited, is worth beginning anew. An API that does not answer is
// waited for as long as the caller waits: it may be restarting.
func passes(err error, waited time.Duration) bool {
	why, patience := notReadyYet(err, math.MaxInt64)
	return why != "" && waited < patience
}

// followOnce follows one watch to its end, and tells whether anything came through it and whether there is nothing left to do.
func (c *Client) followOnce(ctx context.Context, ref Ref, tell func(Health)) (progressed, done bool, err error) {
	endpoint, err := c.resource(ctx, ref)
	if err != nil {
		return false, false, err
	}
	stream, err := endpoint.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", ref.Name).String()})
	if err != nil {
		return false, ctx.Err() != nil, err
	}
	defer stream.Stop()
	for {
		select {
		case <-ctx.Done():
			return progressed, true, context.Cause(ctx)
		case event, open := <-stream.ResultChan():
			if !open || event.Type == watch.Error { // an expired version or a server that ends: begin anew either way
				return progressed, false, nil
			}
			progressed = true
			h, err := healthIn(event)
			if err != nil {
				return true, true, err
			}
			tell(h)
			switch {
			case h.Ready:
				return true, true, nil
			case h.Failed:
				return true, true, errFailed
			}
		}
	}
}

func healthIn(event watch.Event) (Health, error) {
	o, ok := event.Object.(*unstructured.Unstructured)
	switch {
	case event.Type == watch.Bookmark:
		return Health{}, nil
	case event.Type == watch.Deleted:
		return failed("it was deleted"), nil
	case !ok:
		return Health{}, fmt.Errorf("the watch sent a %T", event.Object)
	}
	return HealthOf(o)
}

// waiting collects how the objects do and reports it.
type waiting struct {
	objects []Ref
	report  plan.Reporter

	mu     sync.Mutex
	health []Health
}

func newWaiting(report plan.Reporter, objects []Ref) *waiting {
	w := &waiting{objects: objects, report: report, health: make([]Health, len(objects))}
	for i := range w.health {
		w.health[i] = waitingFor("it is not there")
	}
	return w
}

func (w *waiting) message(i int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health[i].Message
}

// tell takes the news of one object and reports how many are ready and what the first of the others waits for.
func (w *waiting) tell(i int, h Health) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h == (Health{}) || h == w.health[i] {
		return // a bookmark, or no news
	}
	w.health[i] = h
	count, message := 0, ""
	for j, h := range w.health {
		if h.Ready {
			count++
		} else if message == "" {
			message = fmt.Sprintf("%s: %s", w.objects[j], h.Message)
		}
	}
	w.report.Count(int64(count), int64(len(w.objects)), "objects", message)
}
