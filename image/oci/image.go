package oci

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Config is how an image's containers start when the pod does not say otherwise.
type Config struct {
	Entrypoint []string
	Env        []string
	User       string
	WorkingDir string
}

// NewImage returns an image for Linux of the layers, the lowest first.
func NewImage(arch string, config Config, layers ...*Layer) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: Epoch}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Entrypoint: config.Entrypoint, Env: config.Env, User: config.User, WorkingDir: config.WorkingDir},
	})
	if err != nil {
		return nil, fmt.Errorf("making an image's configuration: %w", err)
	}
	for _, l := range layers {
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: l, MediaType: types.OCIUncompressedLayer, History: v1.History{Created: v1.Time{Time: Epoch}, CreatedBy: "slipway"},
		})
		if err != nil {
			return nil, fmt.Errorf("adding a layer to an image: %w", err)
		}
	}
	return image, nil
}

// Named is an image and the name it is known by, like "registry.k8s.io/pause:3.10.1". An image may have several.
type Named struct {
	Reference string
	Image     v1.Image
}

// nameAnnotation is where containerd looks for an image's whole name when it imports an archive.
const nameAnnotation = "io.containerd.image.name"

// Index returns an index of the images, each with its name, for a layout or an archive.
func Index(images []Named) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, named := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: named.Image, Descriptor: v1.Descriptor{
			Annotations: map[string]string{nameAnnotation: named.Reference, "org.opencontainers.image.ref.name": named.Reference},
		}})
	}
	return index
}
