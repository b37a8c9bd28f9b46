package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWhoeverWantsALockedClusterIsToldAndWaits(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	first, second := &Engine{Home: t.TempDir(), Run: run}, &Engine{Home: t.TempDir(), Run: run}
	never := func() { t.Error("it had to wait") }
	unlock, err := first.Lock(t.Context(), "c", never)
	if err != nil {
		t.Fatal(err)
	}
	other, err := second.Lock(t.Context(), "other", never)
	if err != nil {
		t.Fatal(err)
	}
	other()
	told, locked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(locked)
		unlock, err := second.Lock(t.Context(), "c", func() { close(told) })
		if err != nil {
			t.Error(err)
			return
		}
		unlock()
	}()
	<-told
	select {
	case <-locked:
		t.Error("two have the lock")
	default:
	}
	unlock()
	<-locked
	if left, err := os.ReadDir(run); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWaitingForALockCanBeGivenUp(t *testing.T) {
	e := &Engine{Home: t.TempDir(), Run: t.TempDir()}
	unlock, err := e.Lock(t.Context(), "c", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 2*lockGlance+50*time.Millisecond)
	defer cancel()
	if _, err := e.Lock(ctx, "c", func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that time is up", err)
	}
}
