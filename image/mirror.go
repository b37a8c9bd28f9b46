package image

import (
	"context"
	"strings"

	"github.com/slipway-dev/slipway/image/debian"
)

// CheckMirror asks the mirror that the options mean for its signed index and chooses packages from it, as a first build would,
// and keeps nothing of the choice. It returns which mirror that is.
func CheckMirror(ctx context.Context, o Options) (string, error) {
	b := &builder{Options: o, store: store{o.Store}} // programs do not matter here
	sources, _, err := b.sources()
	if err != nil {
		return "", err
	}
	if _, err := b.archive(ctx).Lock(ctx, sources, b.Arch, packages(), nil); err != nil {
		return "", err
	}
	return name(sources), nil
}

func name(sources []debian.Source) string {
	var all []string
	for _, s := range sources {
		all = append(all, s.String())
	}
	return strings.Join(all, ", ")
}
