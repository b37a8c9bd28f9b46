//go:build !linux

package image

import (
	"context"

	"github.com/slipway-dev/slipway/plan"
)

func (b *builder) makeState(context.Context, string, plan.Reporter) error { return ErrUnsupported }
