//go:build unix

package cli

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/slipway-dev/slipway/internal/cli/term"
)

// become replaces this process by program, so that signals, the terminal and the exit status are the program's own.
func become(_ context.Context, _ term.Streams, program string, args []string, env ...string) error {
	err := syscall.Exec(program, args, append(os.Environ(), env...))
	return fmt.Errorf("running %s: %w", program, err)
}
