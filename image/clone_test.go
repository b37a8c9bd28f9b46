package image_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-dev/slipway/image"
)

// containerState makes what containerd leaves behind, as far as cloning tells things apart.
func containerState(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "var")
	const root = "lib/containerd/"
	for name, content := range map[string]string{
		root + "io.containerd.content.v1.content/blobs/sha256/aa":                "blob",
		root + "io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/bin/kube":  "program",
		root + "io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/data/x.db": "a program's database, as it was in the image",
		root + "io.containerd.snapshotter.v1.overlayfs/metadata.db":              "database",
		root + "io.containerd.metadata.v1.bolt/meta.db":                          "database",
		root + "something/new": "a file of a later containerd",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	snapshots := filepath.Join(dir, root, "io.containerd.snapshotter.v1.overlayfs/snapshots/1")
	if err := os.Mkdir(filepath.Join(snapshots, "work"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("kube", filepath.Join(snapshots, "fs/bin/kubelet")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestACloneSharesLayersAndCopiesDatabases(t *testing.T) {
	from := containerState(t)
	to := filepath.Join(filepath.Dir(from), "clone")
	if err := image.CloneState(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	shared := map[string]bool{}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		before, err := os.Lstat(path)
		if err != nil {
			return err
		}
		after, err := os.Lstat(filepath.Join(to, rel))
		if err != nil {
			return err
		}
		if before.Mode() != after.Mode() {
			t.Errorf("%s has the mode %s, want %s", rel, after.Mode(), before.Mode())
		}
		if d.Type().IsRegular() {
			shared[filepath.Base(rel)] = os.SameFile(before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"aa": true, "kube": true, "x.db": true, "meta.db": false, "metadata.db": false, "new": false} {
		if shared[name] != want {
			t.Errorf("%s is shared: %v, want %v", name, shared[name], want)
		}
	}
	meta := "lib/containerd/io.containerd.metadata.v1.bolt/meta.db"
	if err := os.WriteFile(filepath.Join(to, meta), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(from, meta)); err != nil || string(data) != "database" {
		t.Errorf("writing to the clone changed the original: %q, %v", data, err)
	}
}

func TestACloneRefusesToOverwrite(t *testing.T) {
	from := containerState(t)
	if err := image.CloneState(t.Context(), from, t.TempDir()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the error is %v, want fs.ErrExist", err)
	}
}

func TestACloneGoesOverAnInterruptedOne(t *testing.T) {
	from := containerState(t)
	to := filepath.Join(filepath.Dir(from), "clone")
	if err := os.MkdirAll(to+".partial/lib/old", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := image.CloneState(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to + "/lib/old"); err == nil {
		t.Error("the remains of an interrupted clone are in the next")
	}
}

func TestACloneThatFailsLeavesNothing(t *testing.T) {
	from := filepath.Join(t.TempDir(), "nothing")
	to := filepath.Join(t.TempDir(), "clone")
	if err := image.CloneState(t.Context(), from, to); err == nil {
		t.Error("cloning nothing succeeded")
	}
	if entries, err := os.ReadDir(filepath.Dir(to)); err != nil || len(entries) > 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
