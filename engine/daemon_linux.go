package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Each cluster has two small processes of its own on the host:
//
//	keeper  ──watches──▶ machines, gateway
//	gateway ──watches──▶ keeper
//
// Each is the only one of its kind because it owns a file (see own), and is watched through a process handle, so that nothing
// polls. When one dies, the other starts it anew; when both die, the next EnsureGateway does. Nobody starts anything for a
// cluster that is being deleted or has no directory any more.
const (
	keeperName  = "keeper"
	gatewayName = "gateway"
)

// startedEnv tells a daemon that it has the descriptors which spawn gives it: one on which to tell its starter that it works,
// or why not, and its tether.
const (
	startedEnv = "SLIPWAY_DAEMON"
	readyFD    = 3
	tetherFD   = 4
)

// tether opens the file on which every process that was started as a daemon has a shared lock from its first moment to its
// end, also one that finds out that it is not needed. Who gets the exclusive lock knows that none is left.
func (e *Engine) tether(ctx context.Context, cluster string, how int) (*os.File, error) {
	path := filepath.Join(e.runDir(cluster), "daemons.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", path, err)
	}
	if err := flock(ctx, f, how); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// What a daemon says on it. Anything else is the text of an error.
const (
	saidReady = "ready"
	saidTaken = "taken" // another one is there already, which is as good
)

func (e *Engine) ownerFile(cluster, daemon string) string {
	return filepath.Join(e.runDir(cluster), daemon+".pid")
}

// closing reports whether the cluster is being deleted or is gone.
func (e *Engine) closing(cluster string) bool {
	return exists(e.deletingFile(cluster)) || !exists(e.clusterDir(cluster))
}

// ensureDaemon starts a daemon unless it runs, and returns once it works. One that somebody has suspended goes on: it would
// hold its place and do nothing.
func (e *Engine) ensureDaemon(ctx context.Context, cluster, daemon string, command []string) (started bool, err error) {
	proc, err := owner(e.ownerFile(cluster, daemon))
	if err != nil {
		return false, err
	}
	if proc != nil {
		defer proc.close()
		return false, proc.signal(unix.SIGCONT)
	}
	if len(command) == 0 {
		return false, fmt.Errorf("starting the %s of cluster %q: the engine was given no command for it", daemon, cluster)
	}
	if err := e.spawn(ctx, cluster, daemon, command); err != nil {
		return false, fmt.Errorf("starting the %s of cluster %q: %w", daemon, cluster, err)
	}
	return true, nil
}

// spawn starts a daemon in a session of its own and waits until it says that it works.
func (e *Engine) spawn(ctx context.Context, cluster, daemon string, command []string) error {
	log, err := openLog(e.runDir(cluster), daemon+".log")
	if err != nil {
		return err
	}
	defer log.Close()
	hear, say, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer hear.Close()
	tether, err := e.tether(ctx, cluster, unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer tether.Close()
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], cluster)...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), startedEnv+"=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{readyFD - 3: say, tetherFD - 3: tether}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	say.Close()
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // only so that it does not stay a zombie while we live; how it ended is in its log
	stop := context.AfterFunc(ctx, func() { _ = hear.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	said, err := io.ReadAll(io.LimitReader(hear, 4096))
	switch answer := string(bytes.TrimSpace(said)); {
	case answer == saidReady || answer == saidTaken:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("waiting for it: %w", err)
	case answer == "":
		return fmt.Errorf("it ended at once; see %s", log.Name())
	default:
		return errors.New(answer)
	}
}

// begin makes this process the cluster's daemon of that name. It returns nil and no error when there is one already, or when
// the cluster is closing. The caller tells its starter the outcome through say, once.
func (e *Engine) begin(cluster, daemon string) (owned *os.File, say func(answer string), err error) {
	say = answerStarter()
	if err := CheckName("cluster name", cluster); err != nil {
		say(err.Error())
		return nil, nil, err
	}
	if e.closing(cluster) {
		say((&DeletingError{Cluster: cluster}).Error())
		return nil, say, nil
	}
	owned, won, err := own(e.ownerFile(cluster, daemon))
	if err != nil {
		say(err.Error())
		return nil, nil, err
	}
	if !won {
		say(saidTaken)
		return nil, say, nil
	}
	if e.closing(cluster) { // the note may have been left between the two
		owned.Close()
		say((&DeletingError{Cluster: cluster}).Error())
		return nil, say, nil
	}
	if err := leaveSession(cluster); err != nil {
		e.warn(fmt.Sprintf("the %s may end with the session it was started in: %v", daemon, err))
	}
	// Little memory matters more here than little collecting: both processes sleep nearly always.
	debug.SetGCPercent(20)
	debug.SetMemoryLimit(32 << 20)
	return owned, say, nil
}

// answerStarter takes over what spawn has given to this process, if it was started by it. None of it is for the programs
// that this process starts in turn.
func answerStarter() func(string) {
	if os.Getenv(startedEnv) == "" {
		return func(string) {}
	}
	_ = os.Unsetenv(startedEnv)
	syscall.CloseOnExec(readyFD)
	syscall.CloseOnExec(tetherFD)
	f := os.NewFile(readyFD, "ready")
	return func(answer string) {
		_, _ = io.WriteString(f, strings.TrimSpace(answer)) // a starter that is gone needs no answer
		f.Close()
	}
}

// startGrace is how long a daemon waits for the other to be started at its own start: whoever started this one is about to.
const startGrace = time.Second

// unlessAsked drops the error of a daemon that ended because it was to.
func unlessAsked(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// guard keeps the other daemon running until the cluster is closing, for which it returns nil.
func (e *Engine) guard(ctx context.Context, cluster, daemon string, command []string) error {
	var pause backoff
	lived, grace := provenAfter, startGrace
	for {
		if e.closing(cluster) {
			return nil
		}
		proc, err := owner(e.ownerFile(cluster, daemon))
		if err != nil {
			return err
		}
		if proc == nil && grace > 0 {
			if err := sleep(ctx, grace); err != nil {
				return err
			}
			grace = 0
			continue
		}
		if proc == nil {
			if err := sleep(ctx, pause.next(lived)); err != nil {
				return err
			}
			lived = 0
			if _, err := e.ensureDaemon(ctx, cluster, daemon, command); err != nil && !e.closing(cluster) {
				e.warn(err.Error())
			}
			continue
		}
		grace = 0
		since := time.Now()
		err = proc.wait(ctx)
		proc.close()
		if err != nil {
			return err
		}
		lived = time.Since(since)
	}
}

// daemonPatience is how long a daemon may take to end when asked to; it has nothing to finish.
const daemonPatience = time.Second

// stopDaemon ends a daemon, whoever of its kind is running.
func (e *Engine) stopDaemon(ctx context.Context, cluster, daemon string) (stopped bool, err error) {
	for {
		proc, err := owner(e.ownerFile(cluster, daemon))
		if proc == nil || err != nil {
			return stopped, err
		}
		err = proc.end(ctx, daemonPatience)
		proc.close()
		if err != nil {
			return stopped, fmt.Errorf("stopping the %s of cluster %q: %w", daemon, cluster, err)
		}
		stopped = true
	}
}

// stopDaemons ends both. Each may have started the other just before it looked for the note of the deletion, so it goes on
// until neither was there, and then waits for those that find out by themselves that they are not needed.
func (e *Engine) stopDaemons(ctx context.Context, cluster string) error {
	for {
		keeper, err := e.stopDaemon(ctx, cluster, keeperName)
		if err != nil {
			return err
		}
		gateway, err := e.stopDaemon(ctx, cluster, gatewayName)
		if err != nil {
			return err
		}
		if !keeper && !gateway {
			break
		}
	}
	if !exists(e.runDir(cluster)) {
		return nil
	}
	last, err := e.tether(ctx, cluster, unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("waiting for the keeper and the gateway of cluster %q to end: %w", cluster, err)
	}
	return last.Close()
}
