package image

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSharingLinksEqualFilesOnly(t *testing.T) {
	dir := t.TempDir()
	blob := filepath.Join(dir, "blob")
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(path, content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	put(blob, "content", 0o755)
	put(filepath.Join(tree, "equal"), "content", 0o755)
	put(filepath.Join(tree, "other-mode"), "content", 0o644)
	put(filepath.Join(tree, "same-size"), "CONTENT", 0o755)
	put(filepath.Join(tree, "empty"), "", 0o755)
	if err := os.Symlink("equal", filepath.Join(tree, "link")); err != nil {
		t.Fatal(err)
	}
	shared := newSharing()
	if err := shared.add(blob); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is safe to repeat
		if err := shared.apply(t.Context(), tree); err != nil {
			t.Fatal(err)
		}
	}
	original, err := os.Stat(blob)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"equal": true, "other-mode": false, "same-size": false, "empty": false} {
		info, err := os.Stat(filepath.Join(tree, name))
		if err != nil {
			t.Fatal(err)
		}
		if os.SameFile(original, info) != want {
			t.Errorf("%s is shared: %v, want %v", name, !want, want)
		}
	}
	if entries, err := os.ReadDir(tree); err != nil || len(entries) != 5 {
		t.Errorf("the tree holds %v, %v", entries, err)
	}
}

func TestDigestsAreRememberedUntilAFileChanges(t *testing.T) {
	dir := t.TempDir()
	cache := digestCache{filepath.Join(dir, "digests.json")}
	path := filepath.Join(dir, "file")
	digest := func() string {
		t.Helper()
		d, err := cache.of(path)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	one := digest()
	// A digest that could only come from the cache shows that the file is not read again.
	known := cache.read()
	entry := known[path]
	entry.Digest = digestOf("remembered")
	known[path] = entry
	if err := writeJSON(cache.path, known); err != nil {
		t.Fatal(err)
	}
	if got := digest(); got != entry.Digest {
		t.Errorf("the file was read again: %s", got)
	}
	write("three")
	if got := digest(); got == one || got == entry.Digest {
		t.Errorf("a changed file still has the digest %s", got)
	}
	if err := os.WriteFile(cache.path, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("one")
	if got := digest(); got != one {
		t.Errorf("with a spoilt cache the digest is %s, want %s", got, one)
	}
}
