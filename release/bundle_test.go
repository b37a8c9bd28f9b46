package release

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// stocked returns a store with a release of two files under three names.
func stocked(t *testing.T) (Store, Release) {
	t.Helper()
	store := Store{Root: t.TempDir()}
	r := Release{Kubernetes: hello.Kubernetes, Arch: "amd64", Components: maps.Clone(hello.Components)}
	for name, content := range map[string]string{"kubelet": "many in one", "kubectl": "many in one", "etcd": "another"} {
		d, size, err := store.add(name, strings.NewReader(content), "")
		if err != nil {
			t.Fatal(err)
		}
		r.Programs = append(r.Programs, Program{Name: name, Digest: d, Size: size, Path: "/usr/local/bin/" + name})
	}
	r = r.sorted()
	if err := store.put(r); err != nil {
		t.Fatal(err)
	}
	return store, r
}

func exported(t *testing.T, store Store, r Release) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Export(t.Context(), store, r, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBundleCarriesAReleaseToAnotherStore(t *testing.T) {
	from, r := stocked(t)
	bundle := exported(t, from, r)
	to := Store{Root: t.TempDir()}
	if _, err := Import(t.Context(), to, bytes.NewReader(bundle)); err != nil {
		t.Fatal(err)
	}
	got, err := to.Lookup(r.Kubernetes, r.Arch)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Verify(got, true); err != nil {
		t.Error(err)
	}
	if identity(t, got) != identity(t, r) {
		t.Errorf("another release came out: %+v", got)
	}
	if again := exported(t, to, got); !bytes.Equal(again, bundle) {
		t.Error("the same release made another bundle")
	}
}

func TestBundleIsASource(t *testing.T) {
	from, r := stocked(t)
	path := filepath.Join(t.TempDir(), "release.tar")
	if err := os.WriteFile(path, exported(t, from, r), 0o600); err != nil {
		t.Fatal(err)
	}
	store := Store{Root: t.TempDir()}
	got := mustEnsure(t, store, Bundle{Path: path})
	if identity(t, got) != identity(t, r) || !strings.Contains(got.Source, "release.tar") {
		t.Errorf("got %+v", got)
	}
	other := hello
	other.Kubernetes.Patch++
	if _, err := Ensure(t.Context(), store, other, "amd64", []Source{Bundle{Path: path}}, nil); err == nil || !strings.Contains(err.Error(), "it has release v1.36.3-amd64") {
		t.Errorf("a bundle of another version gave %v", err)
	}
}

func TestBundleThatCannotBeTrustedIsRefusedAndLeavesNothing(t *testing.T) {
	from, r := stocked(t)
	good := exported(t, from, r)
	etcd, _ := r.Program("etcd")
	for _, test := range []struct {
		name   string
		bundle []byte
		says   string
	}{
		{"content changed on the way", bytes.Replace(good, []byte("another"), []byte("evil!!!"), 1), etcd.Digest.String()},
		{"cut short", good[:len(good)*2/3], "cut short"},
		{"cut within a description", good[:512*3], "cut short"},
		{"cut between entries", good[:512*2], "index.json"},
		{"not an archive", []byte("hello"), "tar archive"},
		{"empty", nil, "index.json"},
		{"a program left out", rewrite(t, good, func(h *tar.Header) bool { return !strings.Contains(h.Name, etcd.Digest.Encoded()) }), "is missing"},
		{"a name that leads out", rewrite(t, good, func(h *tar.Header) bool { h.Name = "../" + h.Name; return true }), "no name of an OCI layout"},
		{"an absolute name", rewrite(t, good, func(h *tar.Header) bool { h.Name = "/etc/passwd"; return true }), "no name of an OCI layout"},
		{"a link", archive(t, &tar.Header{Typeflag: tar.TypeSymlink, Name: "index.json", Linkname: "/etc/shadow"}), "neither a file"},
		{"a hard link", archive(t, &tar.Header{Typeflag: tar.TypeLink, Name: blobName(etcd.Digest), Linkname: "/etc/shadow"}), "neither a file"},
		{"a device", archive(t, &tar.Header{Typeflag: tar.TypeChar, Name: blobName(etcd.Digest)}), "neither a file"},
		{"a huge program", archive(t, &tar.Header{Typeflag: tar.TypeReg, Name: blobName(etcd.Digest), Size: maxBlob + 1}), "larger than any release"},
		{"a huge description", archive(t, &tar.Header{Typeflag: tar.TypeReg, Name: "index.json", Size: maxBundleJSON + 1}), "more than any description"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := Store{Root: t.TempDir()}
			_, err := Import(t.Context(), store, bytes.NewReader(test.bundle))
			var refused *BundleError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, wanted a refusal that says %q", err, test.says)
			}
			holdsNothing(t, store)
		})
	}
}

func TestBundleWithAWrongDigestNamesIt(t *testing.T) {
	from, r := stocked(t)
	bad := bytes.Replace(exported(t, from, r), []byte("another"), []byte("evil!!!"), 1)
	_, err := Import(t.Context(), Store{Root: t.TempDir()}, bytes.NewReader(bad))
	var wrong *DigestError
	if !errors.As(err, &wrong) || wrong.Got != digest.FromString("evil!!!") || wrong.Want != digest.FromString("another") {
		t.Errorf("got %v", err)
	}
}

func TestExportRefusesWhatTheStoreHasDamaged(t *testing.T) {
	store, r := stocked(t)
	etcd, _ := r.Program("etcd")
	write(t, store.Path(etcd.Digest), "evil!!!")
	var wrong *DigestError
	if err := Export(t.Context(), store, r, io.Discard); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
}

func FuzzImport(f *testing.F) {
	store, r := Store{Root: f.TempDir()}, Release{Kubernetes: hello.Kubernetes, Arch: "amd64"}
	d, size, err := store.add("etcd", strings.NewReader("x"), "")
	if err != nil {
		f.Fatal(err)
	}
	r.Programs = []Program{{Name: "etcd", Digest: d, Size: size, Path: "/etcd"}}
	var good bytes.Buffer
	if err := Export(f.Context(), store, r, &good); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte("index.json"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		outside := t.TempDir()
		store := Store{Root: filepath.Join(outside, "store")}
		got, err := Import(t.Context(), store, bytes.NewReader(bundle))
		if err == nil {
			err = store.Verify(got, true)
		} else {
			holdsNothing(t, store)
			err = nil
		}
		if err != nil {
			t.Errorf("a bundle was accepted that is not whole: %v", err)
		}
		if beside, _ := os.ReadDir(outside); len(beside) != 1 {
			t.Errorf("files appeared outside of the store: %v", beside)
		}
	})
}

func identity(t *testing.T, r Release) digest.Digest {
	t.Helper()
	d, err := r.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rewrite copies an archive entry by entry, as edit changes it; those for which edit is false are left out.
func rewrite(t *testing.T, from []byte, edit func(*tar.Header) bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w, r := tar.NewWriter(&out), tar.NewReader(bytes.NewReader(from))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !edit(h) {
			continue
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// archive is the beginning of an archive: one header and nothing after it.
func archive(t *testing.T, h *tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// holdsNothing looks that a store has no file but its lock.
func holdsNothing(t *testing.T, store Store) {
	t.Helper()
	err := filepath.WalkDir(store.Root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
