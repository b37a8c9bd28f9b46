package release

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/opencontainers/go-digest"
)

// Import reads a bundle into the store and returns the release in it. The error is a *BundleError when the bundle is not one
// or not whole; with a wrong digest it wraps a *DigestError that names it. A refused bundle leaves nothing in the store.
func Import(ctx context.Context, store Store, from io.Reader) (Release, error) {
	unlock, err := store.Lock(ctx, nil)
	if err != nil {
		return Release{}, err
	}
	defer unlock()
	r, err := readBundle(ctx, store, from)
	if err == nil {
		err = store.put(r)
	}
	return r, errors.Join(err, store.sweep())
}

// parcel is what was found in an archive: small blobs in memory, programs in temporary files.
type parcel struct {
	store Store
	index []byte
	small map[digest.Digest][]byte
	files map[digest.Digest]loose
	count int
	total int64
}

// loose is a temporary file with content that is not in its place yet.
type loose struct {
	path string
	size int64
}

// readBundle stores the programs of a bundle and returns its release, which it does not make known yet.
func readBundle(ctx context.Context, store Store, from io.Reader) (Release, error) {
	p := &parcel{store: store, small: map[digest.Digest][]byte{}, files: map[digest.Digest]loose{}}
	defer p.discard()
	err := p.unpack(tar.NewReader(withContext(ctx, from)))
	if ctx.Err() != nil {
		return Release{}, context.Cause(ctx)
	}
	if err != nil {
		return Release{}, err
	}
	r, err := p.release()
	if err != nil {
		return Release{}, err
	}
	return r, p.settle(r)
}

func (p *parcel) unpack(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &BundleError{Why: "it is not a whole tar archive", Err: err}
		}
		if err := p.take(header, archive); err != nil {
			return err
		}
	}
}

var blobPattern = regexp.MustCompile(`^blobs/sha256/([0-9a-f]{64})$`)

// take reads one entry. Names are compared and never used as paths, so that no name leads out of the store.
func (p *parcel) take(header *tar.Header, content io.Reader) (err error) {
	if p.count++; p.count > maxBundleFiles {
		return &BundleError{Why: fmt.Sprintf("it has more than %d files", maxBundleFiles)}
	}
	if header.Typeflag == tar.TypeDir && (header.Name == "blobs/" || header.Name == "blobs/sha256/") {
		return nil
	}
	if header.Typeflag != tar.TypeReg {
		return &BundleError{Why: fmt.Sprintf("%q is neither a file nor a directory of the layout", header.Name)}
	}
	switch header.Name {
	case "oci-layout":
		_, err = small(header, content)
		return err
	case "index.json":
		p.index, err = small(header, content)
		return err
	}
	m := blobPattern.FindStringSubmatch(header.Name)
	if m == nil {
		return &BundleError{Why: fmt.Sprintf("%q is no name of an OCI layout", header.Name)}
	}
	return p.blob(digest.NewDigestFromEncoded(digest.SHA256, m[1]), header, content)
}

// blob reads the content that has digest d: documents are kept in memory too, as nothing says yet which is one.
func (p *parcel) blob(d digest.Digest, header *tar.Header, content io.Reader) error {
	if p.total += header.Size; header.Size > maxBlob || p.total > maxBundle {
		return &BundleError{Why: fmt.Sprintf("with %s of %d bytes it is larger than any release", d, header.Size)}
	}
	var data bytes.Buffer
	if header.Size <= maxBundleJSON {
		content = io.TeeReader(content, &data)
	}
	temp, err := p.store.keep(content, d.Encoded(), d)
	if wrong := (*DigestError)(nil); errors.As(err, &wrong) {
		return &BundleError{Why: "its content is damaged or forged", Err: err}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &BundleError{Why: "it is cut short", Err: err}
	}
	if err != nil {
		return err
	}
	if old, twice := p.files[d]; twice {
		os.Remove(old.path)
	}
	p.files[d] = loose{path: temp, size: header.Size}
	if header.Size <= maxBundleJSON && len(p.small) < 8 { // the documents come first
		p.small[d] = data.Bytes()
	}
	return nil
}

// release follows the index to the manifest to the release, and looks that all its programs came along.
func (p *parcel) release() (Release, error) {
	var i index
	if err := document(p.index, &i); err != nil || len(i.Manifests) != 1 {
		return Release{}, &BundleError{Why: "index.json does not name exactly one release", Err: err}
	}
	var m manifest
	if err := document(p.small[i.Manifests[0].Digest], &m); err != nil || m.ArtifactType != bundleType {
		return Release{}, &BundleError{Why: fmt.Sprintf("manifest %q does not describe a release", i.Manifests[0].Digest), Err: err}
	}
	var r Release
	if err := document(p.small[m.Config.Digest], &r); err != nil {
		return Release{}, &BundleError{Why: fmt.Sprintf("configuration %q is no release", m.Config.Digest), Err: err}
	}
	if err := r.validate(); err != nil {
		return Release{}, &BundleError{Why: "what it describes is not valid", Err: err}
	}
	for _, program := range r.blobs() {
		switch f, ok := p.files[program.Digest]; {
		case !ok:
			return Release{}, &BundleError{Why: fmt.Sprintf("program %q (%s) is missing", program.Name, program.Digest)}
		case f.size != program.Size:
			return Release{}, &BundleError{Why: fmt.Sprintf("program %q has %d bytes and not %d", program.Name, f.size, program.Size)}
		}
	}
	return r, nil
}

// settle moves the release's programs to their place. Other blobs are of no use and stay behind.
func (p *parcel) settle(r Release) error {
	for _, program := range r.blobs() {
		if err := p.store.place(p.files[program.Digest].path, program.Digest, program.Size); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what did not find a place.
func (p *parcel) discard() {
	for _, f := range p.files {
		os.Remove(f.path)
	}
}

func small(header *tar.Header, content io.Reader) ([]byte, error) {
	if header.Size > maxBundleJSON {
		return nil, &BundleError{Why: fmt.Sprintf("%s has %d bytes, more than any description", header.Name, header.Size)}
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, &BundleError{Why: "it is cut short", Err: err}
	}
	return data, nil
}

func document(data []byte, into any) error {
	if data == nil {
		return errors.New("it is missing")
	}
	return json.Unmarshal(data, into)
}
