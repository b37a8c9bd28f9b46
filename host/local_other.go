//go:build !linux

package host

import (
	"errors"
	"fmt"
	"os/exec"
)

func killTogether(*exec.Cmd) {}

func status(err *exec.ExitError) int { return err.ExitCode() }

// listening is known only where machines run.
func listening(port int) (bool, error) {
	return false, fmt.Errorf("asking for listeners on port %d: machines run Linux: %w", port, errors.ErrUnsupported)
}
