package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	runc "github.com/containerd/go-runc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Exec runs a program in a running machine, with the machine's own rights, and waits for its end. Ending with another status
// than 0 is an *ExitError.
func (e *Engine) Exec(ctx context.Context, cluster, machine string, o ExecOptions) error {
	if err := errors.Join(CheckName("cluster name", cluster), CheckName("machine name", machine)); err != nil {
		return err
	}
	if len(o.Args) == 0 {
		return &InvalidError{Field: "command", Reason: "it is empty"}
	}
	p := e.machine(cluster, machine)
	r, err := e.load(p)
	if err != nil {
		return err
	}
	proc, err := firstProcess(p)
	if err != nil {
		return err
	}
	if proc == nil {
		return fmt.Errorf("running %s in machine %q: the machine is stopped", o.Args[0], machine)
	}
	proc.close()
	process := specs.Process{
		Terminal: o.TTY, Args: o.Args, Cwd: "/",
		Env: append(append([]string{defaultPath, "container=slipway", "HOME=/root"}, r.Env...), o.Env...),
	}
	if o.Dir != "" {
		process.Cwd = o.Dir
	}
	err = e.runcFor(cluster).Exec(ctx, machine, process, &runc.ExecOpts{IO: execIO{o}})
	var exit *runc.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Program: o.Args[0], Status: exit.Status}
	}
	if err != nil {
		return fmt.Errorf("running %s in machine %q: %w", o.Args[0], machine, err)
	}
	return nil
}

// execIO gives the caller's streams to runc as they are: with a terminal, runc itself switches it to raw mode and follows
// its size. Output that nobody wants goes nowhere rather than to a buffer.
type execIO struct{ o ExecOptions }

func (x execIO) Set(c *exec.Cmd) {
	c.Stdin, c.Stdout, c.Stderr = x.o.Stdin, x.o.Stdout, x.o.Stderr
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if f, ok := x.o.Stdin.(*os.File); ok && f == nil {
		c.Stdin = nil
	}
}
func (execIO) Stdin() io.WriteCloser { return nil }
func (execIO) Stdout() io.ReadCloser { return nil }
func (execIO) Stderr() io.ReadCloser { return nil }
func (execIO) Close() error          { return nil }
