package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/opencontainers/go-digest"
)

// site is the official sites and registry on this host, with every file of a version.
type site struct {
	files  map[string][]byte
	server *httptest.Server
	image  digest.Digest // of pause
	Download
}

func newSite(t *testing.T, s Supported) *site {
	t.Helper()
	at := &site{files: map[string][]byte{}}
	for _, f := range officialFiles(s, "amd64") {
		content := []byte("program " + f.program.Name)
		if f.programs != nil {
			content = tgz(t, f.programs)
		}
		at.files[f.path] = content
		sum := fmt.Sprintf("%s  %s\n", digest.FromBytes(content).Encoded(), path.Base(f.path))
		if f.kubernetes {
			sum = digest.FromBytes(content).Encoded()
		}
		at.files[f.sums] = append(at.files[f.sums], sum...)
	}
	mux := http.NewServeMux()
	mux.Handle("/v2/", registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		content, ok := at.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(content)
	})
	at.server = httptest.NewServer(mux)
	t.Cleanup(at.server.Close)
	compile := flannelDist(t)
	at.Download = Download{Kubernetes: at.server.URL, GitHub: at.server.URL, Registry: strings.TrimPrefix(at.server.URL, "http://"), Compile: compile}
	at.image = pushPause(t, at.Registry, s)
	return at
}

// flannelDist is a stand-in for the one module that this source compiles.
func flannelDist(t *testing.T) Compile {
	t.Helper()
	source, _ := helloDist(t)
	write(t, path.Join(source.Dist, "flannel", "go.mod"), "module "+ours+"flannel\n\ngo 1.26.0\n")
	write(t, path.Join(source.Dist, "flannel", "main.go"), "package main\n\nvar version string\n\nfunc main() { println(version) }\n")
	return Compile{Dist: source.Dist}
}

func pushPause(t *testing.T, registry string, s Supported) digest.Digest {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	put(t, w, "pause", "program pause")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, err := name.NewTag(registry + "/pause:" + s.Components[Pause])
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	d, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.Digest(d.String())
}

func TestDownloadGetsEveryProgramThatCompilingWouldMake(t *testing.T) {
	s := mustFind(t)
	at := newSite(t, s)
	store := Store{Root: t.TempDir()}
	r, err := Ensure(t.Context(), store, s, "amd64", []Source{at.Download}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Modules(s) {
		for _, b := range m.Builds {
			for _, o := range b.Outputs {
				for _, want := range o.Programs {
					if p, ok := r.Program(want.Name); !ok || p.Path != want.Path {
						t.Errorf("%s: got %+v, wanted it at %q", want.Name, p, want.Path)
					}
				}
			}
		}
	}
	if p, _ := r.Program("etcdctl"); p.Digest != digest.FromString("program etcdctl") {
		t.Errorf("etcdctl is %s", p.Digest)
	}
	if want := at.Registry + "/pause@" + at.image.String(); r.Pulled[Pause] != want {
		t.Errorf("pause came from %q and not %q", r.Pulled[Pause], want)
	}
	if err := store.Verify(r, true); err != nil {
		t.Error(err)
	}
}

func TestDownloadRefusesWhatItsChecksumDoesNotFit(t *testing.T) {
	s := mustFind(t)
	for _, f := range officialFiles(s, "amd64") {
		switch path.Base(f.path) {
		case "kubelet", "runc.amd64", "etcd-v3.6.16-linux-amd64.tar.gz":
		default:
			continue
		}
		at := newSite(t, s)
		at.files[f.path] = []byte("something else")
		store := Store{Root: t.TempDir()}
		_, err := Ensure(t.Context(), store, s, "amd64", []Source{at.Download}, nil)
		var wrong *DigestError
		if !errors.As(err, &wrong) || wrong.Got != digest.FromString("something else") {
			t.Errorf("%s was replaced on the site and got %v", path.Base(f.path), err)
		}
		if _, err := store.Lookup(s.Kubernetes, "amd64"); err == nil {
			t.Error("a release was made of it")
		}
	}
}

func TestDownloadRefusesAnImageThatIsNotThePinnedOne(t *testing.T) {
	at := newSite(t, mustFind(t))
	at.Pins = map[string]digest.Digest{Pause: digest.FromString("another image")}
	_, err := Ensure(t.Context(), Store{Root: t.TempDir()}, mustFind(t), "amd64", []Source{at.Download}, nil)
	var wrong *DigestError
	if !errors.As(err, &wrong) || wrong.Got != at.image {
		t.Errorf("got %v", err)
	}
}

func TestDownloadFailsAtOnceWhenNobodyIsThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nothing listens on its port now
	d := Download{Kubernetes: server.URL, GitHub: server.URL}
	_, err := Ensure(t.Context(), Store{Root: t.TempDir()}, mustFind(t), "amd64", []Source{d}, nil)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestDownloadLooksForGoBeforeItFetchesAnything(t *testing.T) {
	at := newSite(t, mustFind(t))
	t.Setenv("PATH", t.TempDir())
	store := Store{Root: t.TempDir()}
	_, err := Ensure(t.Context(), store, mustFind(t), "amd64", []Source{at.Download}, nil)
	var missing *MissingToolError
	if !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
	holdsNothing(t, store)
}

func TestDownloadSaysWhichFileASiteLacks(t *testing.T) {
	at := newSite(t, mustFind(t))
	for _, f := range officialFiles(mustFind(t), "amd64") {
		if strings.Contains(f.path, "coredns") {
			delete(at.files, f.path)
		}
	}
	_, err := Ensure(t.Context(), Store{Root: t.TempDir()}, mustFind(t), "amd64", []Source{at.Download}, nil)
	if err == nil || !strings.Contains(err.Error(), "coredns_1.15.0_linux_amd64.tgz: 404 Not Found") {
		t.Errorf("got %v", err)
	}
}

func TestChecksumIsFoundInEveryPublishedForm(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for _, test := range []struct{ name, text, want string }{
		{"a lone checksum", sum, sum},
		{"a line of sha256sum", sum + "  file.tgz\n", sum},
		{"binary mode and a directory", sum + " *release/file.tgz\n", sum},
		{"a list", strings.Repeat("cd", 32) + "  other.tgz\n" + sum + "  file.tgz\n", sum},
		{"a signed list", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + sum + "  file.tgz\n", sum},
		{"another file only", strings.Repeat("cd", 32) + "  other.tgz\n", ""},
		{"a page that is no list", "<html>not found</html>", ""},
		{"not hexadecimal", strings.Repeat("zz", 32) + "  file.tgz\n", ""},
	} {
		got, err := checksumOf([]byte(test.text), "file.tgz")
		if (err != nil) != (test.want == "") || err == nil && got.Encoded() != test.want {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}

func mustFind(t *testing.T) Supported {
	t.Helper()
	s, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tgz(t *testing.T, programs map[string]Place) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	put(t, w, "README.md", "not a program")
	for file, p := range programs {
		put(t, w, "./"+file, "program "+p.Name)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func put(t *testing.T, w *tar.Writer, name, content string) {
	t.Helper()
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o755}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
}
