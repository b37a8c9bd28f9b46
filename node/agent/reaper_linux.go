package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// reaper buries the children of process 1. Most are orphans that nobody else waits for; some are the agent's own, whose endings
// os/exec must see. So it only looks at who died (WNOWAIT), and leaves the agent's own to their waiters. All of the agent's programs
// must be started through it, with files as their standard streams: then their waiters never wait for anything but the death.
type reaper struct {
	// mu is held from before a fork until the child is known, so that no child is taken for an orphan.
	mu  sync.Mutex
	own map[int]*child
}

// child is a program of the agent's own.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func newReaper() *reaper { return &reaper{own: map[int]*child{}} }

// start starts a program.
func (r *reaper) start(cmd *exec.Cmd) (*child, error) {
	for _, stream := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if _, isFile := stream.(*os.File); stream != nil && !isFile {
			return nil, fmt.Errorf("starting %q: its standard streams must be files", cmd.Path)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	r.own[cmd.Process.Pid] = c
	go r.wait(c)
	return c, nil
}

func (r *reaper) wait(c *child) {
	c.err = c.cmd.Wait()
	r.mu.Lock()
	delete(r.own, c.cmd.Process.Pid)
	r.mu.Unlock()
	close(c.done)
}

// run starts a program and waits for it; when ctx ends the program and its process group are killed.
func (r *reaper) run(ctx context.Context, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c, err := r.start(cmd)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		err := unix.Kill(-c.PID(), unix.SIGKILL)
		<-c.done
		return errors.Join(context.Cause(ctx), ignore(err, unix.ESRCH))
	}
}

// serve buries whoever dies, until ctx ends. died has room for one signal and gets SIGCHLD.
func (r *reaper) serve(ctx context.Context, died <-chan os.Signal, log *slog.Logger) {
	for {
		if err := r.bury(); err != nil {
			log.Error("waiting for children", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-died:
		}
	}
}

// bury goes on until no child is dead.
func (r *reaper) bury() error {
	for {
		pid, err := nextDead()
		if pid == 0 || err != nil {
			return ignore(err, unix.ECHILD)
		}
		if c := r.buryOrphan(pid); c != nil {
			<-c.done
		}
	}
}

// buryOrphan buries the child, unless it is the agent's own, which it returns.
func (r *reaper) buryOrphan(pid int) *child {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.own[pid]; c != nil {
		return c
	}
	// Nothing can have taken the number meanwhile: forks wait for the lock, and a dead child keeps its number.
	for {
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); !errors.Is(err, unix.EINTR) {
			return nil
		}
	}
}

// nextDead returns a child that is dead and not yet buried, 0 when there is none.
func nextDead() (int, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return sigchldPID(&info), err
	}
}

// PID is the program's process number.
func (c *child) PID() int { return c.cmd.Process.Pid }

// Signal sends a signal to the program alone, not to its children: containers outlive containerd, mounts the kubelet.
func (c *child) Signal(sig syscall.Signal) error { return c.cmd.Process.Signal(sig) }

// Done is closed when the program has ended.
func (c *child) Done() <-chan struct{} { return c.done }

// Err says how the program ended.
func (c *child) Err() error { return c.err }

func ignore(err, ignored error) error {
	if errors.Is(err, ignored) {
		return nil
	}
	return err
}
