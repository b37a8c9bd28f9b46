package node_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipway-dev/slipway/host/hosttest"
	"github.com/slipway-dev/slipway/node/apiclient/apitest"
)

var errCrash = errors.New("crash")

// TestInitConvergesAfterACrashBeforeAnyChange stops init before its nth change to the machine, as kill -9 would, and runs it
// again: the result must be a whole node each time.
func TestInitConvergesAfterACrashBeforeAnyChange(t *testing.T) {
	crashes := 0
	for n := int64(1); ; n++ {
		api := &apitest.Server{}
		h := machine(api)
		var changes atomic.Int64
		var crashed atomic.Bool
		ctx, kill := context.WithCancel(t.Context())
		h.Before(func(op hosttest.Op) error {
			if changing(op) && changes.Add(1) >= n {
				crashed.Store(true)
				kill()
				return errCrash
			}
			return nil
		})
		first, err := planInit(t, h, api, clusterYAML)
		if err != nil {
			t.Fatalf("crash %d: planning: %v", n, err)
		}
		err = first.apply(ctx)
		kill()
		if !crashed.Load() {
			break // it ended before its nth change
		}
		if err == nil {
			t.Fatalf("crash %d went unnoticed", n)
		}
		crashes++
		h.Before(nil)
		ca := h.Get("/etc/kubernetes/pki/ca.crt")
		mustInit(t, h, api, clusterYAML)
		if ca != "" && h.Get("/etc/kubernetes/pki/ca.crt") != ca {
			t.Errorf("crash %d: the certificate authority was made anew", n)
		}
		third, err := planInit(t, h, api, clusterYAML)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range third.Plan.Steps {
			if wrote(s.ID) {
				t.Errorf("crash %d: a third init would still do %s: %s", n, s.ID, s.Reason)
			}
		}
	}
	if crashes < 30 {
		t.Errorf("only %d places to crash at", crashes)
	}
}

func changing(op hosttest.Op) bool {
	switch op.Name {
	case "write", "symlink", "remove": // making a directory leaves nothing half done
		return true
	}
	return op.Path == "systemctl"
}

func wrote(step string) bool {
	return slices.ContainsFunc([]string{"certs/", "kubeconfig/", "etcd/", "control-plane/", "kubelet-start"}, func(part string) bool {
		return strings.HasPrefix(step, part)
	})
}

func TestInitCanBeInterruptedWhileItWaits(t *testing.T) {
	api := &apitest.Server{}
	h := machine(api)
	h.Install("systemctl", hosttest.Prints("")) // the kubelet never starts anything
	r, err := planInit(t, h, api, clusterYAML)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.apply(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
