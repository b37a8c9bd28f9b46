package addon_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/plan"
)

const daemonPath = "/apis/apps/v1/namespaces/x/daemonsets/"

func daemon(t *testing.T, name string) *unstructured.Unstructured {
	return object(t, "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: "+name+", namespace: x}}")
}

func available() map[string]any {
	return map[string]any{"observedGeneration": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1}
}

// waitFor starts a Wait, runs meanwhile once the watches are open, and returns what Wait returned.
func waitFor(ctx context.Context, t *testing.T, f *fakeAPI, c *addon.Client, objects []*unstructured.Unstructured, report plan.Reporter, meanwhile func()) error {
	t.Helper()
	if _, err := addon.Apply(t.Context(), c, objects, addon.Options{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- addon.Wait(ctx, c, objects, report) }()
	eventually(t, "the watches are open", func() bool { return f.watching() == len(objects) })
	meanwhile()
	select {
	case err := <-ended:
		eventually(t, "the watches are closed", func() bool { return f.watching() == 0 })
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("Wait did not return")
		return nil
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		<-time.After(2 * time.Millisecond)
	}
	t.Fatalf("not after two seconds: %s", what)
}

func TestWaitReturnsWhenTheLastObjectIsHealthy(t *testing.T) {
	f, c := newFakeAPI(t)
	var mu sync.Mutex
	var said []string
	report := func(ev plan.Event) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, ev.Message)
	}
	err := waitFor(t.Context(), t, f, c, []*unstructured.Unstructured{daemon(t, "a"), daemon(t, "b")}, report, func() {
		f.setStatus(daemonPath+"a", available())
		f.setStatus(daemonPath+"b", map[string]any{"observedGeneration": 1})
		eventually(t, "what b waits for is reported", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(said, "DaemonSet x/b: no node to run on")
		})
		f.setStatus(daemonPath+"b", available())
	})
	if err != nil {
		t.Fatal(err)
	}
	if said[len(said)-1] != "" {
		t.Errorf("%q", said)
	}
}

func TestWaitBeginsAWatchAnewThatTheServerEnds(t *testing.T) {
	f, c := newFakeAPI(t)
	err := waitFor(t.Context(), t, f, c, []*unstructured.Unstructured{daemon(t, "a")}, nil, func() {
		f.endWatches()
		eventually(t, "the watch is gone", func() bool { return f.watching() == 0 })
		var refused atomic.Int32
		f.fail = func(w http.ResponseWriter, _ *http.Request) bool {
			if refused.Add(1) > 1 {
				return false
			}
			http.Error(w, "restarting", http.StatusServiceUnavailable)
			return true
		}
		eventually(t, "the watch is back", func() bool { return f.watching() == 1 })
		f.setStatus(daemonPath+"a", available())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWaitReturnsAtOnceWhenAnObjectFailedForGood(t *testing.T) {
	f, c := newFakeAPI(t)
	job := object(t, "{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: x}}")
	err := waitFor(t.Context(), t, f, c, []*unstructured.Unstructured{daemon(t, "a"), job}, nil, func() {
		f.setStatus("/apis/batch/v1/namespaces/x/jobs/a", map[string]any{
			"conditions": []any{map[string]any{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}},
		})
	})
	var unhealthy *addon.UnhealthyError
	if !errors.As(err, &unhealthy) || err.Error() != "Job x/a is not healthy: BackoffLimitExceeded: too often" {
		t.Errorf("%v", err)
	}
}

func TestWaitSaysThatAnObjectWasDeletedOrIsNotThere(t *testing.T) {
	f, c := newFakeAPI(t)
	err := waitFor(t.Context(), t, f, c, []*unstructured.Unstructured{daemon(t, "a")}, nil, func() {
		r, _ := http.NewRequest(http.MethodDelete, daemonPath+"a", nil)
		f.delete(discard{}, r)
	})
	if err == nil || err.Error() != "DaemonSet x/a is not healthy: it was deleted" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err = addon.Wait(ctx, c, []*unstructured.Unstructured{daemon(t, "b")}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "DaemonSet x/b is not healthy: it is not there" {
		t.Errorf("%v", err)
	}
}

func TestWaitNamesEveryObjectThatIsNotHealthyInTime(t *testing.T) {
	f, c := newFakeAPI(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ctx, stop := context.WithTimeout(ctx, 150*time.Millisecond)
	defer stop()
	err := waitFor(ctx, t, f, c, []*unstructured.Unstructured{daemon(t, "a"), daemon(t, "b"), daemon(t, "c")}, nil, func() {
		f.setStatus(daemonPath+"b", available())
	})
	if err == nil || strings.Count(err.Error(), "is not healthy") != 2 || strings.Contains(err.Error(), "x/b") {
		t.Errorf("%v", err)
	}
}

func TestWaitReturnsQuicklyWhenItIsCancelled(t *testing.T) {
	f, c := newFakeAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := waitFor(ctx, t, f, c, []*unstructured.Unstructured{daemon(t, "a")}, nil, func() {
		f.fail = func(http.ResponseWriter, *http.Request) bool {
			t.Error("something was asked after the end")
			return false
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
