package oci_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-dev/slipway/image/oci"
)

func program(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func layer(t *testing.T, entries ...oci.Entry) *oci.Layer {
	t.Helper()
	l, err := oci.NewLayer(entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func image(t *testing.T, layers ...*oci.Layer) v1.Image {
	t.Helper()
	i, err := oci.NewImage("amd64", oci.Config{Entrypoint: []string{"/x"}, User: "1:1"}, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestALayerDependsOnItsFilesOnly(t *testing.T) {
	make := func(content string) []oci.Entry {
		return append(oci.Program(program(t, content), "usr/bin", "a", "b"), oci.Entry{Path: "etc/x", Mode: 0o644, Data: []byte("x")})
	}
	one := make("program")
	two := make("program")
	slices.Reverse(two)
	if err := os.Chtimes(two[2].Source, oci.Epoch, oci.Epoch); err != nil {
		t.Fatal(err)
	}
	if digest(t, layer(t, one...)) != digest(t, layer(t, two...)) {
		t.Error("the order of entries, or the time or place of a file, is part of the layer")
	}
	if digest(t, layer(t, one...)) == digest(t, layer(t, make("other")...)) {
		t.Error("the content of a file is not part of the layer")
	}
	// The digest is pinned: it changes only together with the format, and then every image in every store does.
	const want = "sha256:55309f59649f610a3eb0e377f3888164bc2c1e1189e6324f5336201710febd83"
	if got := digest(t, layer(t, one...)); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
}

func TestALayerHoldsAProgramOnce(t *testing.T) {
	l := layer(t, oci.Program(program(t, "program"), "bin", "z", "a", "m")...)
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(oci.Epoch) {
			t.Errorf("%s belongs to %d:%d and is from %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		got = append(got, strings.TrimSpace(h.Name+" "+h.Linkname))
	}
	if want := []string{"bin/", "bin/z", "bin/a bin/z", "bin/m bin/z"}; !slices.Equal(got, want) {
		t.Errorf("the layer holds %q, want %q", got, want)
	}
}

func TestALayerRefusesNonsense(t *testing.T) {
	for name, entries := range map[string][]oci.Entry{
		"a path out of the root":             {{Path: "../x"}},
		"an absolute path":                   {{Path: "/x"}},
		"the same path twice":                {{Path: "x"}, {Path: "x"}},
		"a hard link to nothing":             {{Path: "x", Target: "y"}},
		"a hard link to a link":              {{Path: "x", Target: "y"}, {Path: "y", Target: "z"}, {Path: "z"}},
		"a file that is not there":           {{Path: "x", Source: "/nonexistent"}},
		"a hard link to a directory":         {{Path: "x", Target: "y"}, {Path: "y", Mode: fs.ModeDir}},
		"a path that is not in its own form": {{Path: "a//b"}},
	} {
		if _, err := oci.NewLayer(entries); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestTreeBecomesALayer(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "usr/bin/x"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("usr/bin", filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	entries, err := oci.Tree(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Mode.String()+" "+e.Path)
	}
	slices.Sort(got)
	if want := []string{"-rw------- usr/bin/x", "Lrwxrwxrwx bin", "drwxr-xr-x usr", "drwxr-xr-x usr/bin"}; !slices.Equal(got, want) {
		t.Errorf("the tree is %q, want %q", got, want)
	}
}

func TestAnArchiveIsAValidLayout(t *testing.T) {
	shared := layer(t, oci.Program(program(t, "shared"), "bin", "x")...)
	images := []oci.Named{
		{Reference: "registry.example.org/one:v1", Image: image(t, shared)},
		{Reference: "registry.example.org/two:v1", Image: image(t, shared, layer(t, oci.Entry{Path: "y", Mode: 0o644, Data: []byte("y")}))},
	}
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := oci.WriteArchive(w, images); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("writing twice gives different archives")
	}
	dir := t.TempDir()
	names := unpack(t, &first, dir)
	if slices.Sort(names); len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a blob is there twice: %q", names)
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index, validate.Fast); err != nil { // the slow way wants all layers compressed
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := manifest.Manifests[1].Annotations["io.containerd.image.name"]; got != images[1].Reference {
		t.Errorf("the second image is called %q", got)
	}
}

func unpack(t *testing.T, r io.Reader, dir string) (names []string) {
	t.Helper()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		if hex, ok := strings.CutPrefix(h.Name, "blobs/sha256/"); ok && fmt.Sprintf("%x", sha256.Sum256(data)) != hex {
			t.Errorf("the content of %s has another digest", h.Name)
		}
		path := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
