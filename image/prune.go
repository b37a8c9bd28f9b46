package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Prune removes from the store at dir what no image needs: layers and states that belong to no image, what interrupted
// builds have left, packages that no lock names, and images for which keep does not hold. A nil keep keeps all images. It
// fails while an image is being built. It returns the paths it removed.
func Prune(dir string, keep func(Image) bool) (removed []string, err error) {
	s := store{dir}
	unlock, err := tryLock(s.builderLock())
	if err != nil {
		return nil, fmt.Errorf("cleaning the image store: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	images, err := List(dir)
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, image := range images {
		if keep == nil || keep(image) {
			s.mark(image, needed)
		}
	}
	var problems []error
	for _, kind := range []string{"images", "states", "layers"} { // what names others goes first
		some, err := sweep(filepath.Join(dir, kind), func(path string) bool { return needed[path] })
		removed, problems = append(removed, some...), append(problems, err)
	}
	some, err := s.prunePackages()
	return append(removed, some...), errors.Join(append(problems, err)...)
}

// mark notes the paths of an image and of all its parts.
func (s store) mark(image Image, needed map[string]bool) {
	p := image.Parts
	for _, path := range []string{
		s.image(image.Digest), s.state(p.State), s.layer(p.Base), s.layer(p.Tools), s.layer(p.Release), s.layer(p.Agent),
	} {
		needed[path] = true
	}
}

// prunePackages removes what the locks do not name from the package cache: older versions, and indexes.
func (s store) prunePackages() ([]string, error) {
	needed := map[string]bool{}
	for _, arch := range architectures {
		lock, _, err := s.readLock(arch)
		if err != nil {
			return nil, err
		}
		for _, p := range lock.Packages {
			needed[filepath.Join(s.packageCache(), p.SHA256)] = true
		}
	}
	return sweep(s.packageCache(), func(path string) bool { return needed[path] })
}

// sweepUnfinished removes what interrupted builds have left. The caller holds the store's lock, so that nobody is at work.
func (s store) sweepUnfinished() error {
	var problems []error
	for _, kind := range []string{"layers", "states"} {
		_, err := sweep(filepath.Join(s.dir, kind), func(path string) bool { return !strings.HasPrefix(filepath.Base(path), unfinished) })
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// sweep removes from a directory all entries that are not needed and returns their paths.
func sweep(dir string, needed func(path string) bool) (removed []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cleaning the image store: %w", err)
	}
	var problems []error
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); !needed(path) {
			problems = append(problems, discard(path))
			removed = append(removed, path)
		}
	}
	return removed, errors.Join(problems...)
}

// discard removes a directory, which at no moment can be taken for a whole one: it loses its name first.
func discard(path string) error {
	doomed := path
	if !strings.HasPrefix(filepath.Base(path), unfinished) {
		doomed = filepath.Join(filepath.Dir(path), unfinished+filepath.Base(path))
		if err := os.Rename(path, doomed); err != nil {
			return fmt.Errorf("removing %q: %w", path, err)
		}
	}
	if err := os.RemoveAll(doomed); err != nil {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	return nil
}

// unfinished begins the names of directories that are being made or removed.
const unfinished = ".unfinished-"
