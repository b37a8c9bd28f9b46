package release

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/slipway-dev/slipway/plan"
)

// Download is the source that takes the projects' official files, each checked against the checksum that its project
// publishes beside it, and the pause program out of its official image.
//
// One program is nevertheless compiled: flanneld, because upstream's needs its CNI meta-plugin and an init container to
// connect pods, and ours writes the CNI configuration itself. So this source needs Go, but no C compiler and little time.
//
// A site that cannot be reached fails at once, so that the next source can be tried; nothing is resumed.
type Download struct {
	// Kubernetes, GitHub and Registry are where files and images are; empty means the official https://dl.k8s.io,
	// https://github.com and, for images, the registry that their reference names.
	Kubernetes, GitHub, Registry string
	// Pins maps components that come out of an image to the digest that the image must have.
	Pins map[string]digest.Digest
	// Client makes the requests; nil means one with short timeouts for connecting and none for a download that goes on.
	Client *http.Client
	// Compile compiles what cannot be downloaded.
	Compile Compile
}

const (
	officialKubernetes = "https://dl.k8s.io"
	officialGitHub     = "https://github.com"
	// maxSums bounds a checksum file; the longest has some twenty lines.
	maxSums = 1 << 20
	// stall is how long a download may stand still.
	stall = 30 * time.Second
)

// Name implements Source.
func (d Download) Name() string { return "downloaded from the official sites" }

// Fetch implements Source.
func (d Download) Fetch(ctx context.Context, store Store, want Supported, arch string, report plan.Reporter) (Release, error) {
	r := Release{Kubernetes: want.Kubernetes, Arch: arch, Components: maps.Clone(want.Components), Pulled: map[string]string{}}
	files, compiled := officialFiles(want, arch), []Module{flannelModule(want)}
	// Before hundreds of megabytes: is anybody there, and can the rest be compiled?
	if _, err := d.checksum(ctx, files[0]); err != nil {
		return Release{}, fmt.Errorf("downloading %s: %w", path.Base(files[0].path), err)
	}
	if err := d.Compile.ready(ctx, compiled, arch); err != nil {
		return Release{}, fmt.Errorf("compiling what no site has: %w", err)
	}
	for _, f := range files {
		programs, err := d.fetch(ctx, store, f, report)
		if err != nil {
			return Release{}, fmt.Errorf("downloading %s: %w", path.Base(f.path), err)
		}
		r.Programs = append(r.Programs, programs...)
	}
	program, image, err := d.pull(ctx, store, want, arch, Pause, in("/", "pause")[0])
	if err != nil {
		return Release{}, err
	}
	r.Programs, r.Pulled[Pause] = append(r.Programs, program), image

	programs, err := d.Compile.programs(ctx, store, compiled, arch, report)
	if err != nil {
		return Release{}, fmt.Errorf("compiling what no site has: %w", err)
	}
	r.Programs = append(r.Programs, programs...)
	return r, nil
}

// fetch downloads one file and stores the programs in it.
func (d Download) fetch(ctx context.Context, store Store, f officialFile, report plan.Reporter) ([]Program, error) {
	want, err := d.checksum(ctx, f)
	if err != nil {
		return nil, err
	}
	body, size, err := d.get(ctx, f.base(d)+f.path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	counted := &counter{Reader: body, total: size, name: path.Base(f.path), report: report}
	if f.programs != nil {
		temp, err := store.keep(counted, path.Base(f.path), want)
		if err != nil {
			return nil, err
		}
		defer os.Remove(temp)
		return unpack(store, temp, f.programs)
	}
	got, n, err := store.add(path.Base(f.path), counted, want)
	if err != nil {
		return nil, err
	}
	return []Program{{Name: f.program.Name, Digest: got, Size: n, Path: f.program.Path}}, nil
}

// checksum returns the digest that the file's project publishes for it.
func (d Download) checksum(ctx context.Context, f officialFile) (digest.Digest, error) {
	body, _, err := d.get(ctx, f.base(d)+f.sums)
	if err != nil {
		return "", fmt.Errorf("reading its checksum: %w", err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxSums))
	if err != nil {
		return "", fmt.Errorf("reading its checksum: %w", err)
	}
	return checksumOf(text, path.Base(f.path))
}

// get requests a file. Reading its body fails when nothing comes for a while.
func (d Download) get(ctx context.Context, url string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, 0, err
	}
	resp, err := d.client().Do(req)
	if err != nil {
		cancel(nil)
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		cancel(nil)
		return nil, 0, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return watch(ctx, resp.Body, cancel), resp.ContentLength, nil
}

func (d Download) client() *http.Client {
	if d.Client != nil {
		return d.Client
	}
	return &http.Client{Transport: impatient()}
}

// impatient is a transport that finds out within seconds that a site is out of reach.
func impatient() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 15 * time.Second,
		ForceAttemptHTTP2:     true,
	}
}

var errStalled = errors.New("the download stands still: nothing came for " + stall.String())

// watched is a body whose request is cancelled when no byte comes for a while.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func watch(ctx context.Context, body io.ReadCloser, cancel context.CancelCauseFunc) io.ReadCloser {
	return &watched{ReadCloser: body, ctx: ctx, cancel: cancel, timer: time.AfterFunc(stall, func() { cancel(errStalled) })}
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.timer.Reset(stall)
	if err != nil && err != io.EOF && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	defer w.cancel(nil)
	return w.ReadCloser.Close()
}

// counter reports how many bytes were read, every few megabytes.
type counter struct {
	io.Reader
	name         string
	total, n, at int64
	report       plan.Reporter
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	if c.n-c.at >= 4<<20 {
		c.at = c.n
		c.report.Count(c.n, max(c.total, 0), "bytes", c.name)
	}
	return n, err
}

// keep writes a download that is no program itself to a temporary file, once it is known to be the one that was promised.
func (s Store) keep(from io.Reader, name string, want digest.Digest) (temp string, err error) {
	f, err := s.temp(name)
	if err != nil {
		return "", err
	}
	hash := want.Algorithm().Digester()
	_, err = io.Copy(io.MultiWriter(f, hash.Hash()), io.LimitReader(from, maxBlob))
	err = errors.Join(err, f.Close())
	if got := hash.Digest(); err == nil && got != want {
		err = &DigestError{Name: name, Want: want, Got: got}
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// unpack stores the wanted files of a compressed archive.
func unpack(store Store, archive string, wanted map[string]Place) ([]Program, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return pick(store, tar.NewReader(z), wanted)
}

// pick stores the wanted files of a tar stream and refuses one in which any is missing.
func pick(store Store, archive *tar.Reader, wanted map[string]Place) ([]Program, error) {
	wanted = maps.Clone(wanted)
	var programs []Program
	for len(wanted) > 0 {
		header, err := archive.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("the archive lacks %v", sortedKeys(names(wanted)))
		}
		if err != nil {
			return nil, fmt.Errorf("reading the archive: %w", err)
		}
		name := path.Clean("/" + header.Name)[1:]
		place, ok := wanted[name]
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		d, size, err := store.add(place.Name, archive, "")
		if err != nil {
			return nil, err
		}
		programs = append(programs, Program{Name: place.Name, Digest: d, Size: size, Path: place.Path})
		delete(wanted, name)
	}
	return programs, nil
}

func names(wanted map[string]Place) map[string]string {
	all := map[string]string{}
	for name, p := range wanted {
		all[name] = p.Name
	}
	return all
}
