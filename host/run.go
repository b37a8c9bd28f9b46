package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// grace is how long a program's children may keep its output open after the program is gone.
const grace = 2 * time.Second

// Exec runs a program to its end and returns what it printed, also when it ended badly. A program that is not there is
// exec.ErrNotFound or fs.ErrNotExist; when ctx ends, the program and its children are killed.
func (Local) Exec(ctx context.Context, c Command) (Output, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdin, &stdout, &stderr
	cmd.Env = append(cmd.Environ(), c.Env...)
	cmd.WaitDelay = grace
	killTogether(cmd)
	err := cmd.Run()
	out := Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("running %q: %w", c.Path, context.Cause(ctx))
	case errors.As(err, &exit):
		return out, &ExitError{Path: c.Path, Status: status(exit), Stderr: out.Stderr}
	default:
		return out, fmt.Errorf("running %q: %w", c.Path, err)
	}
}
