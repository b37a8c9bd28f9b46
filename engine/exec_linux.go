package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	runc "github.com/containerd/go-runc"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Exec runs a program in a running machine, with the machine's own rights, and waits for its end. Ending with another status
// than 0 is an *ExitError, with 127 and 126 for a program that does not exist or cannot be started.
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
	if err := e.exec(ctx, p, process, o); err != nil {
		return fmt.Errorf("running %s in machine %q: %w", o.Args[0], machine, err)
	}
	return nil
}

// exec has runc run the program. Whether an exit status is the program's or says that it could not be started can be told
// only by runc's log.
func (e *Engine) exec(ctx context.Context, p machinePaths, process specs.Process, o ExecOptions) error {
	log, err := os.CreateTemp(p.run, ".exec-*.log")
	if err != nil {
		return fmt.Errorf("making a log: %w", err)
	}
	log.Close()
	defer os.Remove(log.Name()) // what is left goes with the machine
	r := e.runcFor(p.cluster)
	r.Log, r.LogFormat = log.Name(), runc.JSON
	err = r.Exec(ctx, p.name, process, &runc.ExecOpts{IO: execIO{o}})
	var exit *runc.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if reason := lastError(log.Name()); reason != "" {
		return notStarted(o.Args[0], reason)
	}
	return &ExitError{Program: o.Args[0], Status: exit.Status}
}

// The statuses by which shells, and so scripts, tell a program that is not there from one that cannot be run.
const (
	statusNotFound   = 127
	statusNotStarted = 126
)

// notStarted is the error for a program of which runc has said on its standard error why it could not be started.
func notStarted(program, reason string) error {
	for _, missing := range []string{"executable file not found", "no such file or directory"} {
		if strings.Contains(reason, missing) {
			return &ExitError{Program: program, Status: statusNotFound}
		}
	}
	return &ExitError{Program: program, Status: statusNotStarted}
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
