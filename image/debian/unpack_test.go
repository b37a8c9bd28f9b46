package debian

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// untar extracts entries into dir, with the links of a merged /usr in place.
func untar(t *testing.T, dir string, headers ...tar.Header) error {
	t.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = 1
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := mergeUsr(root, []LockedPackage{{Architecture: "amd64"}}); err != nil {
		t.Fatal(err)
	}
	return tree{root: root}.extract(&data)
}

func file(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}
}

func symlink(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
}

func hardlink(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}
}

func TestUnpackStaysWithinItsDirectory(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"a path with dots":                  {file("./../../outside/file")},
		"an absolute path":                  {file("/outside/file")},
		"a relative link as a directory":    {symlink("./escape", "../outside"), file("./escape/file")},
		"an absolute link as a directory":   {symlink("./escape", "/outside"), file("./escape/file")},
		"a link to a link":                  {symlink("./a", ".."), symlink("./b", "a/outside"), file("./b/file")},
		"a hard link to a file outside":     {hardlink("./file", "../outside/secret")},
		"a hard link through a link":        {symlink("./escape", "../outside"), hardlink("./file", "escape/secret")},
		"a file over a link to the outside": {symlink("./file", "../outside/secret"), file("./file")},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			outside := filepath.Join(top, "outside")
			dir := filepath.Join(top, "root")
			for _, d := range []string{outside, dir} {
				if err := os.Mkdir(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := untar(t, dir, headers...)
			entries, rerr := os.ReadDir(outside)
			if rerr != nil || len(entries) != 1 {
				t.Errorf("the directory outside holds %v, %v", entries, rerr)
			}
			if data, rerr := os.ReadFile(filepath.Join(outside, "secret")); rerr != nil || string(data) != "secret" {
				t.Errorf("the file outside is now %q, %v", data, rerr)
			}
			if data, rerr := os.ReadFile(filepath.Join(dir, "file")); rerr == nil && string(data) == "secret" {
				t.Errorf("the file outside was linked to (%v)", err)
			}
		})
	}
}

func TestUnpackMergesUsr(t *testing.T) {
	dir := t.TempDir()
	dirs := []tar.Header{{Typeflag: tar.TypeDir, Name: "./bin/", Mode: 0o755}, {Typeflag: tar.TypeDir, Name: "./lib64/", Mode: 0o755}}
	if err := untar(t, dir, append(dirs, file("./bin/x"), symlink("./bin", "usr/bin"), symlink("./lib64/ld.so", "/lib/ld.so"))...); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "usr/bin/x")); err != nil {
		t.Error(err)
	}
	if to, err := os.Readlink(filepath.Join(dir, "usr/lib64/ld.so")); err != nil || to != "/lib/ld.so" {
		t.Errorf("the link became %q, %v", to, err)
	}
}

func TestUnpackRefusesDevices(t *testing.T) {
	err := untar(t, t.TempDir(), tar.Header{Typeflag: tar.TypeChar, Name: "./dev/sda", Mode: 0o600})
	if err == nil || !strings.Contains(err.Error(), "dev/sda") {
		t.Errorf("the error is %v, want the device named", err)
	}
}

func TestUnpackKeepsSpecialModes(t *testing.T) {
	dir := t.TempDir()
	if err := untar(t, dir, tar.Header{Typeflag: tar.TypeReg, Name: "./usr/bin/su", Mode: 0o4755}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "usr/bin/su"))
	if err != nil || info.Mode()&os.ModeSetuid == 0 || info.Mode().Perm() != 0o755 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func FuzzDeb(f *testing.F) {
	f.Add([]byte("!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Add([]byte("!<arch>\ndata.tar        0           0     0     100644  0         `\n"))
	f.Add([]byte("!<arch>\ndata.tar.xz     0           0     0     100644  8         `\n\xfd7zXZ\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, deb []byte) {
		data, err := dataOf(bytes.NewReader(deb), 1<<20)
		if err != nil {
			return
		}
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_ = tree{root: root}.extract(bytes.NewReader(data)) // must not panic or write elsewhere
	})
}
