package debian

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/ulikunitz/xz"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-dev/slipway/plan"
)

// Lock asks the sources for their present state and resolves the requests, by profile name, to a lock. Two profiles that
// share a package share its version.
func (c *Client) Lock(ctx context.Context, sources []Source, arch string, requests map[string]Request, report plan.Reporter) (Lock, error) {
	lock := Lock{Architecture: arch, Profiles: map[string]Profile{}}
	var index Index
	for i, s := range sources {
		report.Say("reading the package index of " + s.String())
		release, err := c.addSource(ctx, s, arch, i, &index)
		if err != nil {
			return Lock{}, err
		}
		lock.Sources = append(lock.Sources, LockedSource{Source: s, Codename: release.Codename, Date: release.Date})
	}
	union := map[string]*Package{}
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		chosen, err := index.Resolve(requests[name])
		if err != nil {
			return Lock{}, fmt.Errorf("resolving the packages of %q: %w", name, err)
		}
		profile := Profile{Request: requests[name]}
		for _, p := range chosen {
			profile.Resolved = append(profile.Resolved, p.Name)
			union[p.Name] = p
		}
		lock.Profiles[name] = profile
	}
	for _, name := range slices.Sorted(maps.Keys(union)) {
		p := union[name]
		lock.Packages = append(lock.Packages, LockedPackage{
			Name: p.Name, Version: p.Version, Architecture: p.Architecture, Filename: p.Filename,
			SHA256: p.SHA256, Size: p.Size, Source: p.source,
		})
	}
	return lock, nil
}

// addSource reads the index of one source, of which it checks every byte back to the archive's key.
func (c *Client) addSource(ctx context.Context, s Source, arch string, number int, index *Index) (Release, error) {
	keys, err := keyringFor(c.root, s)
	if err != nil {
		return Release{}, err
	}
	base := s.URI + "/dists/" + s.Suite
	text, err := c.text(ctx, base+"/InRelease")
	if err != nil {
		return Release{}, err
	}
	release, err := VerifyRelease(text, keys, c.now())
	if err != nil {
		return Release{}, fmt.Errorf("checking the release file of %q: %w", s, err)
	}
	if c.apt.IgnoresValidUntil() {
		release.ValidUntil = time.Time{}
	}
	if err := release.Check(s.Suite, c.now()); err != nil {
		return Release{}, fmt.Errorf("checking the release file of %q: %w", s, err)
	}
	for _, component := range s.Components {
		if err := c.addComponent(ctx, base, release, component+"/binary-"+arch+"/Packages", arch, number, index); err != nil {
			return Release{}, err
		}
	}
	return release, nil
}

// addComponent reads one Packages file. gzip comes first: it is a third larger than xz, but unpacks ten times as fast.
func (c *Client) addComponent(ctx context.Context, base string, release Release, name, arch string, number int, index *Index) error {
	for _, ext := range []string{".gz", ".xz", ""} {
		sum, ok := release.Files[name+ext]
		if !ok {
			continue
		}
		uri := base + "/" + name + ext
		path, err := c.File(ctx, uri, sum)
		if err != nil {
			return err
		}
		if err := addFile(index, path, ext, arch, number); err != nil {
			return fmt.Errorf("reading the package index %q: %w", uri, err)
		}
		return nil
	}
	return fmt.Errorf("%s has no package index %q: is the architecture right?", base, name)
}

func addFile(index *Index, path, ext, arch string, number int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := decompress(f, ext)
	if err != nil {
		return err
	}
	return index.Add(r, arch, number)
}

func decompress(r io.Reader, ext string) (io.Reader, error) {
	switch ext {
	case ".gz":
		return gzip.NewReader(r)
	case ".xz":
		return xz.NewReader(r)
	default:
		return r, nil
	}
}

// Fetch makes sure that all packages are in the cache and returns their paths by name.
func (c *Client) Fetch(ctx context.Context, lock Lock, packages []LockedPackage, report plan.Reporter) (map[string]string, error) {
	paths := make([]string, len(packages))
	count := newCounter(packages, report)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(6) // more gain nothing on a fast line and are impolite to a mirror
	for i, p := range packages {
		group.Go(func() error {
			path, err := c.File(ctx, lock.Sources[p.Source].URI+"/"+p.Filename, p.Checksum())
			if err != nil {
				return fmt.Errorf("package %s %s: %w", p.Name, p.Version, err)
			}
			paths[i] = path
			count.done(p)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byName := map[string]string{}
	for i, p := range packages {
		byName[p.Name] = paths[i]
	}
	return byName, nil
}
