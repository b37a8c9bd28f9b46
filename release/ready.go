package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Ready says what this host is missing to compile the release, without compiling it: nil, or mostly a *MissingToolError. It
// links small programs in a temporary directory to find out.
func (c Compile) Ready(ctx context.Context, want Supported, arch string) error {
	dist, err := c.dist()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "slipway-check-")
	if err != nil {
		return fmt.Errorf("trying the C compiler: %w", err)
	}
	defer os.RemoveAll(temp)
	for _, m := range Modules(want) {
		t, err := findToolchain(ctx, m, filepath.Join(dist, m.Dir), arch)
		if err != nil {
			return err
		}
		if err := t.checkC(ctx, m, temp); err != nil {
			return err
		}
	}
	return nil
}
