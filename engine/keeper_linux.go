package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// RunKeeper is the keeper process: it starts machines that have died, and the gateway. It returns nil when another one runs,
// or when the cluster is being deleted.
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
	err = group.Wait()
	if errors.Is(err, context.Canceled) && e.closing(cluster) {
		return nil
	}
	return err
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

// watcher tells when files in directories are made, replaced or removed.
type watcher struct{ inotify *os.File }

func watch(dir string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching %q (the limit is the kernel parameter fs.inotify.max_user_instances): %w", dir, err)
	}
	w := &watcher{inotify: os.NewFile(uintptr(fd), "inotify")}
	return w, w.add(dir)
}

func (w *watcher) close() { w.inotify.Close() }

// add watches one more directory; one that is watched already, or gone, is no error.
func (w *watcher) add(dir string) error {
	conn, err := w.inotify.SyscallConn()
	if err != nil {
		return fmt.Errorf("watching %q: %w", dir, err)
	}
	var added error
	err = conn.Control(func(fd uintptr) {
		_, added = unix.InotifyAddWatch(int(fd), dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_ONLYDIR)
	})
	if err = errors.Join(err, added); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("watching %q: %w", dir, err)
	}
	return nil
}

// wait returns when something has changed. What it was is found by looking; a burst of events is one.
func (w *watcher) wait(ctx context.Context) error {
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { _ = w.inotify.SetReadDeadline(past) })
	defer stop()
	events := make([]byte, 16<<10)
	if _, err := w.inotify.Read(events); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("watching for changes: %w", err)
	}
	return nil
}
