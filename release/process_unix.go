//go:build unix

package release

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// command is exec.CommandContext for programs that start others, as compilers do: the end of ctx ends all of them.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // for one that left the group and holds our pipe
	return cmd
}
