package release

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Export writes r as a bundle. A program whose content is not what its digest says ends it with a *DigestError; what was
// written until then is no bundle, so write it to a temporary file.
func Export(ctx context.Context, store Store, r Release, w io.Writer) error {
	r = r.sorted()
	r.Source = "" // where it came from would make bundles of equal content differ
	if err := r.validate(); err != nil {
		return err
	}
	config, err := json.Marshal(r)
	if err != nil {
		return err
	}
	m, err := json.Marshal(manifestOf(r, config))
	if err != nil {
		return err
	}
	i, err := json.Marshal(index{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{{
		MediaType: manifestType, ArtifactType: bundleType, Digest: digest.FromBytes(m), Size: int64(len(m)),
		Annotations: map[string]string{refKey: r.Name()},
	}}})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{"oci-layout", []byte(layout)}, {"index.json", i}, {blobName(digest.FromBytes(m)), m}, {blobName(digest.FromBytes(config)), config}} {
		if err := writeEntry(archive, f.name, int64(len(f.data)), strings.NewReader(string(f.data))); err != nil {
			return fmt.Errorf("exporting release %s: %w", r.Name(), err)
		}
	}
	for _, p := range r.blobs() {
		if err := exportProgram(ctx, archive, store, p); err != nil {
			return fmt.Errorf("exporting release %s: program %q: %w", r.Name(), p.Name, err)
		}
	}
	return archive.Close()
}

func manifestOf(r Release, config []byte) manifest {
	m := manifest{SchemaVersion: 2, MediaType: manifestType, ArtifactType: bundleType,
		Config: descriptor{MediaType: bundleType, Digest: digest.FromBytes(config), Size: int64(len(config))}}
	for _, p := range r.blobs() {
		m.Layers = append(m.Layers, descriptor{MediaType: programType, Digest: p.Digest, Size: p.Size,
			Annotations: map[string]string{titleKey: p.Name}})
	}
	return m
}

func exportProgram(ctx context.Context, archive *tar.Writer, store Store, p Program) error {
	f, err := os.Open(store.Path(p.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	hash := digest.SHA256.Digester()
	if err := writeEntry(archive, blobName(p.Digest), p.Size, io.TeeReader(withContext(ctx, f), hash.Hash())); err != nil {
		return err
	}
	if got := hash.Digest(); got != p.Digest {
		return &DigestError{Name: "the file in the store", Want: p.Digest, Got: got}
	}
	return nil
}

func writeEntry(archive *tar.Writer, name string, size int64, content io.Reader) error {
	// No times, owners or names: they would differ from one export to the next.
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	n, err := io.Copy(archive, content)
	if err == nil && n != size {
		err = fmt.Errorf("it has %d bytes and not %d", n, size)
	}
	return err
}

func blobName(d digest.Digest) string { return "blobs/" + d.Algorithm().String() + "/" + d.Encoded() }

// withContext is a reader that fails once ctx has ended, for copies of hundreds of megabytes.
func withContext(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
