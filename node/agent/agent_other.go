//go:build !linux

package agent

import (
	"context"
	"errors"
	"fmt"
)

// Run is for machines, and machines run Linux.
func Run(context.Context, Options) error {
	return fmt.Errorf("running a machine's agent: %w", errors.ErrUnsupported)
}
