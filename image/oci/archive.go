package oci

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// WriteArchive writes the images as one OCI archive: a tar of the image layout. A blob that several images share is in it once.
func WriteArchive(w io.Writer, images []Named) error {
	a := archive{tar: tar.NewWriter(w), done: map[v1.Hash]bool{}}
	if err := a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	for _, named := range images {
		if err := a.image(named.Image); err != nil {
			return fmt.Errorf("writing image %q: %w", named.Reference, err)
		}
	}
	index, err := Index(images).RawManifest()
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	if err := a.file("index.json", index); err != nil {
		return err
	}
	return a.tar.Close()
}

type archive struct {
	tar  *tar.Writer
	done map[v1.Hash]bool
}

func (a *archive) image(image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := a.layer(l); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		raw    func() ([]byte, error)
		digest func() (v1.Hash, error)
	}{{image.RawConfigFile, image.ConfigName}, {image.RawManifest, image.Digest}} {
		data, err := part.raw()
		if err != nil {
			return err
		}
		digest, err := part.digest()
		if err != nil {
			return err
		}
		if err := a.blob(digest, int64(len(data)), bytes.NewReader(data)); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) layer(l v1.Layer) error {
	digest, err := l.Digest()
	if err != nil {
		return err
	}
	size, err := l.Size()
	if err != nil {
		return err
	}
	r, err := l.Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	return a.blob(digest, size, r)
}

func (a *archive) blob(digest v1.Hash, size int64, content io.Reader) error {
	if a.done[digest] {
		return nil
	}
	a.done[digest] = true
	if err := a.header("blobs/"+digest.Algorithm+"/"+digest.Hex, size); err != nil {
		return err
	}
	_, err := io.Copy(a.tar, content)
	return err
}

func (a *archive) file(name string, data []byte) error {
	if err := a.header(name, int64(len(data))); err != nil {
		return err
	}
	_, err := a.tar.Write(data)
	return err
}

func (a *archive) header(name string, size int64) error {
	return a.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: Epoch, Format: tar.FormatPAX,
	})
}
