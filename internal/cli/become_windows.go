package cli

import (
	"context"
	"os"
	"os/exec"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

// become runs program to its end; Windows cannot replace a process.
func become(ctx context.Context, streams term.Streams, program string, args []string, env ...string) error {
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = streams.In, streams.Out, streams.Err
	return cmd.Run()
}
