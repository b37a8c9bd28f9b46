//go:build !unix

package image

import (
	"context"

	"github.com/slipway-dev/slipway/plan"
)

func tryLock(string) (func() error, error) { return nil, ErrUnsupported }

func waitLock(context.Context, string, plan.Reporter) (func() error, error) {
	return nil, ErrUnsupported
}
