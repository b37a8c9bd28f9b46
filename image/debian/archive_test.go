package debian_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/image/debian"
	"github.com/slipway-dev/slipway/image/debian/debiantest"
)

var shell = []debiantest.Package{
	{Name: "sh", Version: "1.0-1", Fields: map[string]string{"Depends": "libs (>= 1)"}, Files: map[string]string{"bin/": "", "bin/sh": "#!sh"}},
	{Name: "libs", Version: "1.2", Files: map[string]string{"lib/": "", "lib/libs.so.1": "lib", "usr/share/doc/libs/copyright": "x"}},
}

// now is within the validity of the test archives.
var now = debiantest.Date.Add(time.Hour)

func source(a *debiantest.Archive, uri string) []debian.Source {
	return []debian.Source{{URI: uri, Suite: "testing", Components: []string{"main"}, SignedBy: a.Keyring}}
}

func lockOf(ctx context.Context, c *debian.Client, sources []debian.Source) (debian.Lock, error) {
	return c.Lock(ctx, sources, "amd64", map[string]debian.Request{"all": {Packages: []string{"sh"}}}, nil)
}

func TestArchiveToRootFileSystem(t *testing.T) {
	archive := debiantest.New(t, shell...)
	var requests atomic.Int32
	files := http.FileServer(http.Dir(archive.Dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := debian.NewClient(t.TempDir(), nil).WithClock(now)
	lock, err := lockOf(t.Context(), client, source(archive, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Validate(); err != nil {
		t.Error(err)
	}
	if got, want := lock.Profiles["all"].Resolved, []string{"libs", "sh"}; !slices.Equal(got, want) {
		t.Fatalf("resolved %v, want %v", got, want)
	}
	unpack := func() string {
		t.Helper()
		paths, err := client.Fetch(t.Context(), lock, lock.Of("all"), nil)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		keep := func(name string) bool { return !debian.Unneeded(name) }
		if err := debian.Unpack(t.Context(), lock.Of("all"), paths, dir, keep, nil); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := unpack()
	if data, err := os.ReadFile(filepath.Join(dir, "usr/lib/libs.so.1")); err != nil || string(data) != "lib" {
		t.Errorf("a library in /lib became %q, %v; want it in /usr/lib", data, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program is %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "usr/share/doc/libs/copyright")); err == nil {
		t.Error("documentation was not left out")
	}
	before := requests.Load()
	server.Close()
	unpack()
	if requests.Load() != before {
		t.Error("a warm cache still asked the mirror")
	}
}

func TestLockRefusesWhatIsNotTrustworthy(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*debiantest.Archive) []debian.Source
		want   string
	}{
		{"a changed release file", func(a *debiantest.Archive) []debian.Source {
			edit(t, a.Dir+"/dists/testing/InRelease", "Suite: testing", "Suite: tasting")
			return nil
		}, "signature"},
		{"another's signature", func(a *debiantest.Archive) []debian.Source {
			return source(debiantest.New(t), "file:"+a.Dir)
		}, "signed by none of the 1 keys"},
		{"no signature", func(a *debiantest.Archive) []debian.Source {
			write(t, a.Dir+"/dists/testing/InRelease", "Suite: testing\n")
			return nil
		}, "not a signed text"},
		{"a release file out of date", func(a *debiantest.Archive) []debian.Source {
			a.ValidUntil = now.Add(-time.Minute)
			a.Publish(shell...)
			return nil
		}, "out of date"},
		{"another suite's release file", func(a *debiantest.Archive) []debian.Source {
			if err := os.Rename(a.Dir+"/dists/testing", a.Dir+"/dists/stable"); err != nil {
				t.Fatal(err)
			}
			sources := source(a, "file:"+a.Dir)
			sources[0].Suite = "stable"
			return sources
		}, `release file of "testing"`},
		{"a changed index", func(a *debiantest.Archive) []debian.Source {
			edit(t, a.Dir+"/dists/testing/main/binary-amd64/Packages.gz", "\x1f", "\x1e")
			return nil
		}, "announced"},
		{"a missing package", func(a *debiantest.Archive) []debian.Source {
			a.Publish(shell[0])
			return nil
		}, "sh needs libs (>= 1), which the archive does not have"},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive := debiantest.New(t, shell...)
			sources := c.damage(archive)
			if sources == nil {
				sources = source(archive, "file:"+archive.Dir)
			}
			_, err := lockOf(t.Context(), debian.NewClient(t.TempDir(), nil).WithClock(now), sources)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestAnOldSnapshotIsFineWhenTheHostSaysSo(t *testing.T) {
	archive := debiantest.New(t)
	archive.ValidUntil = now.Add(-time.Minute)
	archive.Publish(shell...)
	client := debian.NewClient(t.TempDir(), debian.Apt{"acquire::check-valid-until": "false"}).WithClock(now)
	if _, err := lockOf(t.Context(), client, source(archive, "file:"+archive.Dir)); err != nil {
		t.Error(err)
	}
}

func TestFetchReplacesSpoiltFiles(t *testing.T) {
	archive := debiantest.New(t, shell...)
	client := debian.NewClient(t.TempDir(), nil).WithClock(now)
	lock, err := lockOf(t.Context(), client, source(archive, "file:"+archive.Dir))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := client.Fetch(t.Context(), lock, lock.Packages, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, paths["sh"], "spoilt")
	if paths, err = client.Fetch(t.Context(), lock, lock.Packages, nil); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(paths["sh"]); err != nil || !strings.HasPrefix(string(data), "!<arch>") {
		t.Errorf("the spoilt file is now %.10q, %v", data, err)
	}
}

func TestFetchNamesPackagesThatAreGone(t *testing.T) {
	archive := debiantest.New(t, shell...)
	client := debian.NewClient(t.TempDir(), nil).WithClock(now)
	server := httptest.NewServer(http.FileServer(http.Dir(archive.Dir)))
	defer server.Close()
	lock, err := lockOf(t.Context(), client, source(archive, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(archive.Dir + "/pool"); err != nil {
		t.Fatal(err)
	}
	_, err = client.Fetch(t.Context(), lock, lock.Packages, nil)
	if !errors.Is(err, debian.ErrNotFound) {
		t.Errorf("the error is %v, want ErrNotFound", err)
	}
}

func TestFetchTriesAgainWhenTheMirrorIsBusy(t *testing.T) {
	archive := debiantest.New(t, shell...)
	files := http.FileServer(http.Dir(archive.Dir))
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	if _, err := lockOf(t.Context(), debian.NewClient(t.TempDir(), nil).WithClock(now), source(archive, server.URL)); err != nil {
		t.Error(err)
	}
}

func TestAnUnreachableMirrorFailsAtOnce(t *testing.T) {
	archive := debiantest.New(t, shell...)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := lockOf(t.Context(), debian.NewClient(t.TempDir(), nil), source(archive, server.URL))
	if err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Count(err.Error(), server.URL) != 1 {
		t.Errorf("the error is %v", err)
	}
}

func TestAMirrorsPasswordIsNotShown(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	uri := strings.Replace(server.URL, "http://", "http://me:hidden@", 1)
	_, err := lockOf(t.Context(), debian.NewClient(t.TempDir(), nil), source(debiantest.New(t), uri))
	if err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "me:xxxxx@") {
		t.Errorf("the error is %v", err)
	}
}

func edit(t *testing.T, path, from, to string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(string(data), from, to, 1))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
