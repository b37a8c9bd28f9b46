package release

import (
	"context"
	"os/exec"
	"time"
)

// command is exec.CommandContext. Windows has no process groups of the kind that could be ended as one; what a compiler has
// started ends by itself.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
