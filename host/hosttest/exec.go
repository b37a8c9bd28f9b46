package hosttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/host"
)

// Program is a fake program: it may do to its machine what the real one would, and returns its exit status.
type Program func(ctx context.Context, p *Process) int

// Process is one run of a Program.
type Process struct {
	// Host is the machine that the program runs on; its methods may be called.
	Host           *Host
	Args           []string
	Env            []string
	Dir            string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Call is a program that was asked for, found or not, in the order of asking.
type Call struct {
	Path string
	Args []string
	Env  []string
}

// String is the command line.
func (c Call) String() string { return strings.Join(append([]string{c.Path}, c.Args...), " ") }

// searchPath is the PATH of the machine.
var searchPath = []string{"/usr/local/bin", "/usr/sbin", "/usr/bin"}

// Install puts a program on the machine: into /usr/bin unless name is a path. Its file can be seen, moved and removed like
// any other, and a program is found through its file.
func (h *Host) Install(name string, program Program) {
	if !strings.Contains(name, "/") {
		name = path.Join("/usr/bin", name)
	}
	h.Put(name, "program "+name+"\n", 0o755)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.programs["program "+name+"\n"] = program
}

// Prints is a Program that prints text and ends well.
func Prints(text string) Program {
	return func(_ context.Context, p *Process) int {
		_, _ = io.WriteString(p.Stdout, text) // into a buffer
		return 0
	}
}

// Fails is a Program that complains on standard error and ends with the status.
func Fails(status int, complaint string) Program {
	return func(_ context.Context, p *Process) int {
		_, _ = io.WriteString(p.Stderr, complaint) // into a buffer
		return status
	}
}

// Calls returns what was asked to run so far.
func (h *Host) Calls() []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// Exec runs a program that was installed. Programs run outside the machine's lock.
func (h *Host) Exec(ctx context.Context, c host.Command) (host.Output, error) {
	program, err := h.start(ctx, c)
	if err != nil {
		return host.Output{}, fmt.Errorf("running %q: %w", c.Path, err)
	}
	var stdout, stderr bytes.Buffer
	stdin := c.Stdin
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	status := program(ctx, &Process{
		Host: h, Args: slices.Clone(c.Args), Env: slices.Clone(c.Env), Dir: c.Dir,
		Stdin: stdin, Stdout: &stdout, Stderr: &stderr,
	})
	out := host.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	switch {
	case ctx.Err() != nil:
		return out, fmt.Errorf("running %q: %w", c.Path, context.Cause(ctx))
	case status != 0:
		return out, &host.ExitError{Path: c.Path, Status: status, Stderr: out.Stderr}
	}
	return out, nil
}

// start notes the call and finds the program.
func (h *Host) start(ctx context.Context, c host.Command) (Program, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, Call{Path: c.Path, Args: slices.Clone(c.Args), Env: slices.Clone(c.Env)})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := h.allow("exec", c.Path); err != nil {
		return nil, err
	}
	if strings.Contains(c.Path, "/") {
		return h.program(c.Path)
	}
	for _, dir := range searchPath {
		if program, err := h.program(path.Join(dir, c.Path)); err == nil {
			return program, nil
		}
	}
	return nil, exec.ErrNotFound
}

// program reads the program that a file stands for.
func (h *Host) program(name string) (Program, error) {
	p, err := h.find(name, true)
	if err == nil && p.at == nil {
		err = pathError("fork/exec", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	program := h.programs[string(p.at.data)]
	if program == nil || p.at.mode&0o111 == 0 {
		return nil, pathError("fork/exec", name, fs.ErrPermission)
	}
	return program, nil
}
