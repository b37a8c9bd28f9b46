package release

import (
	"context"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"

	"github.com/slipway-dev/slipway/plan"
)

// A bundle is a release in one file, for machines with no network: an OCI image layout in a tar archive, in which the
// release is an artifact whose configuration is the release itself and whose layers are the programs. Registry tools that
// read OCI archives can copy it. The same release always makes the same bytes.

// The media types in a bundle.
const (
	bundleType  = "application/vnd.slipway.release.v1+json"
	programType = "application/vnd.slipway.program.v1"
)

// Limits on what is read from a bundle: it may come from anywhere.
const (
	maxBundleFiles = 1000
	maxBundleJSON  = 4 << 20
	maxBundle      = 8 << 30
)

// BundleError says why a file is refused as a bundle.
type BundleError struct {
	Why string
	Err error
}

func (e *BundleError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the bundle is refused: %s: %v", e.Why, e.Err)
	}
	return "the bundle is refused: " + e.Why
}

// Unwrap returns the cause, such as a *DigestError.
func (e *BundleError) Unwrap() error { return e.Err }

// Hint says where a good one comes from.
func (e *BundleError) Hint() string {
	return "copy the bundle anew, or export it again on the machine that it comes from; nothing of it was kept"
}

// Bundle is the source that reads a file written by Export.
type Bundle struct{ Path string }

// Name implements Source.
func (b Bundle) Name() string { return fmt.Sprintf("read from bundle %q", b.Path) }

// Fetch implements Source.
func (b Bundle) Fetch(ctx context.Context, store Store, want Supported, arch string, report plan.Reporter) (Release, error) {
	f, err := os.Open(b.Path)
	if err != nil {
		return Release{}, fmt.Errorf("opening the bundle: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Release{}, err
	}
	return readBundle(ctx, store, &counter{Reader: f, total: info.Size(), name: b.Path, report: report})
}

// descriptor, manifest and index are OCI's, as far as a bundle uses them.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	layout       = `{"imageLayoutVersion":"1.0.0"}`
	titleKey     = "org.opencontainers.image.title"
	refKey       = "org.opencontainers.image.ref.name"
)
