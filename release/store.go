package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Store keeps releases in a directory, each program's file once:
//
//	blobs/sha256/<hex>            the files, mode 0755, never written in place: they may be hard-linked
//	releases/<version>-<arch>.json  what a release consists of, put in place last
//	builds/<key>.json             what a module compiled to, so that it is not compiled again
//	tmp/                          what is being made; whoever holds the lock may empty it
//	lock                          held while the store is changed
//
// Everything appears by rename when it is whole, so that a process killed at any time leaves nothing that is taken for a
// release. Reading needs no lock.
type Store struct {
	Root string
}

// maxBlob bounds the size of one file. The largest today is 139 MB.
const maxBlob = 2 << 30

// AbsentError says that the store has no such release.
type AbsentError struct{ Name string }

func (e *AbsentError) Error() string { return fmt.Sprintf("release %s is not in the store", e.Name) }

// DamagedError says that a release in the store cannot be used, because the file at Path is not what it should be.
type DamagedError struct {
	Name string
	Path string
	Why  string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("release %s in the store is damaged: %q %s", e.Name, e.Path, e.Why)
}

// Path returns the file with the given content. It exists as long as a release in the store names it.
func (s Store) Path(d digest.Digest) string {
	return filepath.Join(s.Root, "blobs", d.Algorithm().String(), d.Encoded())
}

// Lookup returns a release whose files are all there with their right sizes. The error is an *AbsentError or a
// *DamagedError when it has to be supplied anew.
func (s Store) Lookup(v Version, arch string) (Release, error) {
	name := nameOf(v, arch)
	path := s.releasePath(name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Release{}, &AbsentError{Name: name}
	}
	if err != nil {
		return Release{}, fmt.Errorf("reading release %s: %w", name, err)
	}
	var r Release
	if err := json.Unmarshal(data, &r); err != nil {
		return Release{}, &DamagedError{Name: name, Path: path, Why: "is not JSON: " + err.Error()}
	}
	if err := r.validate(); err != nil {
		return Release{}, &DamagedError{Name: name, Path: path, Why: err.Error()}
	}
	if r.Name() != name {
		return Release{}, &DamagedError{Name: name, Path: path, Why: "describes release " + r.Name()}
	}
	return r, s.Verify(r, false)
}

// Verify looks whether the files of r are there with their sizes and, when full is set, with their content. The error is a
// *DamagedError for the first that is not.
func (s Store) Verify(r Release, full bool) error {
	for _, p := range r.blobs() {
		why, err := s.wrong(p, full)
		if err != nil {
			return fmt.Errorf("verifying release %s: %w", r.Name(), err)
		}
		if why != "" {
			return &DamagedError{Name: r.Name(), Path: s.Path(p.Digest), Why: why}
		}
	}
	return nil
}

// wrong says what is wrong with the stored file of p; empty means nothing.
func (s Store) wrong(p Program, full bool) (why string, err error) {
	path := s.Path(p.Digest)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is missing", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "is not a file", nil
	case info.Size() != p.Size:
		return fmt.Sprintf("has %d bytes and not %d", info.Size(), p.Size), nil
	case !full:
		return "", nil
	}
	got, err := digestOf(path)
	if err != nil {
		return "", err
	}
	if got != p.Digest {
		return "has other content, " + got.String(), nil
	}
	return "", nil
}

// List returns the releases that can be used, ordered by version and architecture, and for those that cannot, why.
func (s Store) List() ([]Release, error) {
	entries, err := os.ReadDir(filepath.Join(s.Root, "releases"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the store: %w", err)
	}
	var all []Release
	var broken []error
	for _, e := range entries {
		v, arch, ok := splitName(strings.TrimSuffix(e.Name(), ".json"))
		if !ok || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		r, err := s.Lookup(v, arch)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Release) int {
		if c := a.Kubernetes.Compare(b.Kubernetes); c != 0 {
			return c
		}
		return strings.Compare(a.Arch, b.Arch)
	})
	return all, errors.Join(broken...)
}

func splitName(name string) (Version, string, bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return Version{}, "", false
	}
	v, err := Parse(name[:i])
	return v, name[i+1:], err == nil
}

// Remove forgets a release; the files that no other one names go with Collect.
func (s Store) Remove(ctx context.Context, v Version, arch string) error {
	unlock, err := s.Lock(ctx, nil)
	if err != nil {
		return err
	}
	defer unlock()
	err = os.Remove(s.releasePath(nameOf(v, arch)))
	if errors.Is(err, fs.ErrNotExist) {
		return &AbsentError{Name: nameOf(v, arch)}
	}
	return err
}

// Collect deletes the files that no release names, the memory of builds that needs them, and what interrupted work has left
// behind. It returns the number of bytes freed. A release that cannot be read keeps the whole store from being collected.
func (s Store) Collect(ctx context.Context) (freed int64, err error) {
	unlock, err := s.Lock(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer unlock()
	named, err := s.named()
	if err != nil {
		return 0, err
	}
	err = s.each("blobs/sha256", func(path string, info fs.FileInfo) error {
		if named[digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(path))] {
			return nil
		}
		freed += info.Size()
		return os.Remove(path)
	})
	if err != nil {
		return freed, err
	}
	err = s.each("builds", func(path string, _ fs.FileInfo) error {
		if b, err := readBuild(path); err == nil && b.within(named) {
			return nil
		}
		return os.Remove(path)
	})
	return freed, errors.Join(err, s.sweep())
}

// named returns the digests that releases name.
func (s Store) named() (map[digest.Digest]bool, error) {
	named := map[digest.Digest]bool{}
	err := s.each("releases", func(path string, _ fs.FileInfo) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var r Release
		if err := json.Unmarshal(data, &r); err != nil {
			return &DamagedError{Name: strings.TrimSuffix(filepath.Base(path), ".json"), Path: path, Why: "is not JSON: " + err.Error()}
		}
		for _, p := range r.Programs {
			named[p.Digest] = true
		}
		return nil
	})
	return named, err
}

// each calls f for every file in a directory of the store, in order; a directory that is not there has none.
func (s Store) each(dir string, f func(path string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(filepath.Join(s.Root, filepath.FromSlash(dir)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the store: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("reading the store: %w", err)
		}
		if err := f(filepath.Join(s.Root, filepath.FromSlash(dir), e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

func (s Store) releasePath(name string) string {
	return filepath.Join(s.Root, "releases", name+".json")
}

func digestOf(path string) (digest.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := digest.SHA256.Digester()
	if _, err := io.Copy(hash.Hash(), f); err != nil {
		return "", fmt.Errorf("hashing %q: %w", path, err)
	}
	return hash.Digest(), nil
}
