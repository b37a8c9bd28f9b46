package release

import (
	"archive/tar"
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
)

// pull takes one program out of a component's official image. The image is looked up by its tag, then fetched by the digest
// found, which is checked against a pin if there is one, recorded, and vouches for every byte that follows.
func (d Download) pull(ctx context.Context, store Store, want Supported, arch, component string, p Place) (Program, string, error) {
	tag, err := d.reference(imageOf(want.Kubernetes, want.Components, component))
	if err != nil {
		return Program{}, "", err
	}
	options := []remote.Option{
		remote.WithContext(ctx),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}),
		remote.WithTransport(d.client().Transport),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), // fail fast: the next source is waiting
	}
	program, image, err := d.extract(store, tag, component, p, options)
	if err != nil {
		return Program{}, "", fmt.Errorf("pulling %s: %w", tag, err)
	}
	return program, image, nil
}

func (d Download) extract(store Store, tag name.Tag, component string, p Place, options []remote.Option) (Program, string, error) {
	found, err := remote.Get(tag, options...)
	if err != nil {
		return Program{}, "", err
	}
	if pin := d.Pins[component]; pin != "" && pin.String() != found.Digest.String() {
		return Program{}, "", &DigestError{Name: tag.String(), Want: pin, Got: digest.Digest(found.Digest.String())}
	}
	byDigest := tag.Context().Digest(found.Digest.String())
	image, err := remote.Image(byDigest, options...)
	if err != nil {
		return Program{}, "", err
	}
	content := mutate.Extract(image)
	defer content.Close()
	programs, err := pick(store, tar.NewReader(content), map[string]Place{p.Path[1:]: p})
	if err != nil {
		return Program{}, "", err
	}
	return programs[0], byDigest.String(), nil
}

// reference is an official reference, at the registry that stands in for its own if there is one.
func (d Download) reference(official string) (name.Tag, error) {
	tag, err := name.NewTag(official)
	if err != nil || d.Registry == "" {
		return tag, err
	}
	return name.NewTag(d.Registry + "/" + tag.RepositoryStr() + ":" + tag.TagStr())
}
