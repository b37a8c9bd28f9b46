package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// RunKeeper is the keeper process: it starts machines that have died, and the gateway. It returns nil when another one runs,
// when the cluster is being deleted, or when ctx ends.
func (e *Engine) RunKeeper(ctx context.Context, cluster string) error {
	owned, say, err := e.begin(cluster, keeperName)
	if owned == nil || err != nil {
		return err
	}
	defer owned.Close()
	k := &keeper{engine: e, cluster: cluster, kept: map[string]bool{}}
	changes, err := watch(e.machinesDir(cluster))
	if err != nil {
		say(err.Error())
		return err
	}
	defer changes.close()
	say(saidReady)
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group.Go(func() error {
		defer cancel()
		return e.guard(ctx, cluster, gatewayName, e.GatewayCommand)
	})
	group.Go(func() error { return k.follow(ctx, changes) })
	return unlessAsked(group.Wait())
}

// keeper knows which machines are being looked after.
type keeper struct {
	engine  *Engine
	cluster string
	mu      sync.Mutex
	kept    map[string]bool
}

// follow looks after every machine that shall run, from the moment its record says so.
func (k *keeper) follow(ctx context.Context, changes *watcher) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		if k.engine.closing(k.cluster) {
			return nil
		}
		names, err := subdirectories(k.engine.machinesDir(k.cluster))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := changes.add(k.engine.machine(k.cluster, name).dir); err != nil {
				k.engine.warn(err.Error())
			}
			if k.wanted(name) && k.claim(name) {
				all.Go(func() { k.keep(ctx, name) })
			}
		}
		if err := changes.wait(ctx); err != nil {
			return err
		}
	}
}

// wanted reports whether the machine shall run. A record that cannot be read is no order to start anything.
func (k *keeper) wanted(name string) bool {
	r, err := k.engine.load(k.engine.machine(k.cluster, name))
	return err == nil && r.Whole && r.Wanted == WantRunning && !k.engine.closing(k.cluster)
}

func (k *keeper) claim(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept[name] {
		return false
	}
	k.kept[name] = true
	return true
}

// release ends the care for a machine, unless it is wanted again by now: then whoever changed its record saw it still cared for.
func (k *keeper) release(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wanted(name) {
		return false
	}
	delete(k.kept, name)
	return true
}

// keep starts one machine whenever it does not run, until it is not wanted any more.
func (k *keeper) keep(ctx context.Context, name string) {
	var pause backoff
	lived := provenAfter
	for ctx.Err() == nil {
		if !k.wanted(name) {
			if k.release(name) {
				return
			}
			continue
		}
		proc, err := firstProcess(k.engine.machine(k.cluster, name))
		if err == nil && proc == nil {
			if sleep(ctx, pause.next(lived)) != nil {
				return
			}
			lived = 0
			err = k.restart(ctx, name)
		}
		if err != nil {
			k.engine.warn(fmt.Sprintf("keeping machine %q: %v", name, err))
		}
		if proc == nil {
			continue
		}
		since := time.Now()
		err = proc.wait(ctx)
		proc.close()
		if err != nil {
			return
		}
		lived = time.Since(since)
	}
}

// restart starts the machine unless somebody else has, or it is not wanted any more.
func (k *keeper) restart(ctx context.Context, name string) error {
	p := k.engine.machine(k.cluster, name)
	unlock, err := lockFile(ctx, p.lock())
	if err != nil {
		return err
	}
	defer unlock()
	r, err := k.engine.load(p)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || !r.Whole || r.Wanted != WantRunning {
		return err
	}
	_, err = k.engine.start(ctx, &r)
	return err
}
