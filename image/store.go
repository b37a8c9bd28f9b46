package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-dev/slipway/image/debian"
)

// store knows where things are below Options.Store.
type store struct{ dir string }

func (s store) layer(digest string) string { return filepath.Join(s.dir, "layers", hexOf(digest)) }
func (s store) state(digest string) string { return filepath.Join(s.dir, "states", hexOf(digest)) }
func (s store) image(digest string) string { return filepath.Join(s.dir, "images", hexOf(digest)) }
func (s store) packageCache() string       { return filepath.Join(s.dir, "debian", "cache") }
func (s store) lockFile(arch string) string {
	return filepath.Join(s.dir, "debian", "node-"+arch+".lock.json")
}
func (s store) builderLock() string { return filepath.Join(s.dir, "image.lock") }
func (s store) digestCache() string { return filepath.Join(s.dir, "image-digests.json") }

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// readLock returns the lock of the base packages, or false when there is none for these requests.
func (s store) readLock(arch string) (debian.Lock, bool, error) {
	var lock debian.Lock
	path := s.lockFile(arch)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lock, false, nil
	}
	if err != nil {
		return lock, false, fmt.Errorf("reading the lock of the base packages: %w", err)
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return lock, false, nil // not ours any more; it is made again
	}
	return lock, lock.Validate() == nil && lock.Answers(packages(), arch), nil
}

func (s store) writeLock(lock debian.Lock) error {
	return writeJSON(s.lockFile(lock.Architecture), lock)
}

// Image is an image in a store.
type Image struct {
	Machine
	Kubernetes string `json:"kubernetes"`
	Arch       string `json:"arch"`
	// Created is when it was built.
	Created time.Time `json:"created,omitzero"`
	// Packages are the base packages with their versions, a bill of materials.
	Packages map[string]string `json:"packages"`
	// Programs are the release's programs with their digests.
	Programs map[string]string `json:"programs"`
	// References are the container images that the state has.
	References []string `json:"references"`
	Parts      Parts    `json:"parts"`
}

// Parts are the digests of what an image consists of.
type Parts struct {
	Base    string `json:"base"`
	Tools   string `json:"tools"`
	Release string `json:"release"`
	Agent   string `json:"agent"`
	State   string `json:"state"`
}

func (p Parts) valid() bool {
	for _, digest := range []string{p.Base, p.Tools, p.Release, p.Agent, p.State} {
		if !validDigest(digest) {
			return false
		}
	}
	return true
}

// layers returns the directories of the machine's layers, the uppermost first.
func (s store) layers(p Parts) []string {
	return []string{s.layer(p.Agent), s.layer(p.Release), s.layer(p.Base)}
}

// stateDir returns the directory that becomes a machine's /var.
func (s store) stateDir(p Parts) string { return filepath.Join(s.state(p.State), "var") }

// List returns the images in the store at dir, the newest first. An image whose parts are not all there is not listed.
func List(dir string) ([]Image, error) {
	s := store{dir}
	entries, err := os.ReadDir(filepath.Join(dir, "images"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing machine images: %w", err)
	}
	var images []Image
	for _, e := range entries {
		if !validDigest("sha256:" + e.Name()) {
			continue
		}
		image, err := s.readImage("sha256:" + e.Name())
		if err != nil {
			return nil, err
		}
		if image.Built {
			images = append(images, image)
		}
	}
	slices.SortStableFunc(images, func(a, b Image) int { return b.Created.Compare(a.Created) })
	return images, nil
}

// readImage reads an image's record. A record that is missing or spoilt is an image that is not built.
func (s store) readImage(digest string) (Image, error) {
	var image Image
	path := filepath.Join(s.image(digest), "image.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return image, nil
	}
	if err != nil {
		return image, fmt.Errorf("reading machine image %q: %w", digest, err)
	}
	if json.Unmarshal(data, &image) != nil || image.Digest != digest || !image.Parts.valid() {
		return Image{}, nil
	}
	if info, err := os.Stat(path); err == nil {
		image.Created = info.ModTime()
	}
	image.LowerDirs, image.StateDir = s.layers(image.Parts), s.stateDir(image.Parts) // the store may have been moved
	image.Built = s.complete(image.Machine)
	return image, nil
}

// complete reports whether all parts of an image are in the store. A directory under its final name is always whole.
func (s store) complete(m Machine) bool {
	for _, dir := range append(slices.Clone(m.LowerDirs), m.StateDir) {
		if !isDir(dir) {
			return false
		}
	}
	return true
}

// Remove removes an image from the store at dir, and with it the layers and the state that no other image has. The caller
// makes sure that no machine uses it. An image that is not there is no error.
func Remove(dir, digest string) error {
	if !validDigest(digest) {
		return fmt.Errorf("removing machine image %q: it is not a digest", digest)
	}
	_, err := Prune(dir, func(i Image) bool { return i.Digest != digest })
	return err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// writeJSON writes a file that is read as a whole or not at all.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer tmp.Close() // a second close, after the checked one below, does nothing
	_, err = tmp.Write(append(data, '\n'))
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %q: %w", path, err), os.Remove(tmp.Name()))
	}
	return nil
}
