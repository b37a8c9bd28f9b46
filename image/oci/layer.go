package oci

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer is a layer of an image. Its bytes are made anew from the files on this host each time they are read, so that a
// large program is never copied just to become part of a layer.
type Layer struct {
	entries []Entry
	digest  v1.Hash
	size    int64
}

var _ v1.Layer = (*Layer)(nil)

// NewLayer returns the layer of the entries, in whatever order they are. It reads all their files once for the digest.
func NewLayer(entries []Entry) (*Layer, error) {
	sorted, err := arrange(entries)
	if err != nil {
		return nil, err
	}
	l := &Layer{entries: sorted}
	sum := sha256.New()
	count := &counter{w: sum}
	if err := l.write(count); err != nil {
		return nil, err
	}
	l.digest, l.size = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}, count.n
	return l, nil
}

// Digest is the digest of the layer, and because it is not compressed its DiffID too.
func (l *Layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the digest of the uncompressed layer.
func (l *Layer) DiffID() (v1.Hash, error) { return l.digest, nil }

// Size is the number of bytes of the layer.
func (l *Layer) Size() (int64, error) { return l.size, nil }

// MediaType says that the layer is an uncompressed tar.
func (l *Layer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }

// Compressed returns the bytes of the layer as images carry it.
func (l *Layer) Compressed() (io.ReadCloser, error) { return l.Uncompressed() }

// Uncompressed returns the layer's tar. Reading fails when a file has changed its size since the layer was made.
func (l *Layer) Uncompressed() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w)) }() // ends when all is read, or r is closed
	return r, nil
}

func (l *Layer) write(w io.Writer) error {
	t := tar.NewWriter(w)
	for _, e := range l.entries {
		if err := writeEntry(t, e); err != nil {
			return fmt.Errorf("layer: writing %q: %w", e.Path, err)
		}
	}
	return t.Close()
}

func writeEntry(t *tar.Writer, e Entry) error {
	h := &tar.Header{Name: e.Path, Mode: tarMode(e.Mode), ModTime: Epoch, Format: tar.FormatPAX}
	switch {
	case e.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
		return t.WriteHeader(h)
	case e.Mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.Target, 0o777
		return t.WriteHeader(h)
	case isLink(e):
		h.Typeflag, h.Linkname = tar.TypeLink, e.Target
		return t.WriteHeader(h)
	default:
		return writeFile(t, h, e)
	}
}

func writeFile(t *tar.Writer, h *tar.Header, e Entry) error {
	h.Typeflag, h.Size = tar.TypeReg, int64(len(e.Data))
	content := io.Reader(bytes.NewReader(e.Data))
	if e.Source != "" {
		f, err := os.Open(e.Source)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		content, h.Size = f, info.Size()
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(t, content)
	return err
}

// tarMode is the mode as tar numbers it.
func tarMode(m fs.FileMode) int64 {
	mode := int64(m.Perm())
	for bit, value := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			mode |= value
		}
	}
	return mode
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
