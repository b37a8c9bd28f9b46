package release

import (
	"cmp"
	_ "crypto/sha256" // go-digest finds its algorithms registered
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Release is everything that makes one Kubernetes version on one architecture, by content.
type Release struct {
	Kubernetes Version `json:"kubernetes"`
	// Arch is an architecture as Go names it, such as "amd64"; the operating system is always Linux.
	Arch string `json:"arch"`
	// Source names where the programs came from. It is for people and no part of the release's identity.
	Source string `json:"source,omitempty"`
	// Programs is ordered by name.
	Programs []Program `json:"programs"`
	// Components maps component names, such as Etcd, to their versions.
	Components map[string]string `json:"components"`
	// Pulled maps components whose program was taken out of a published image to that image by digest.
	Pulled map[string]string `json:"pulled,omitempty"`
}

// Program is one executable file. Several programs share a digest when one file answers to several names.
type Program struct {
	Name   string        `json:"name"`
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	// Path is where it belongs in the root file system of a machine or of its component's image, as upstream has it.
	Path string `json:"path"`
}

// Program returns the program of that name, and whether the release has it.
func (r Release) Program(name string) (Program, bool) {
	i := slices.IndexFunc(r.Programs, func(p Program) bool { return p.Name == name })
	if i < 0 {
		return Program{}, false
	}
	return r.Programs[i], true
}

// Digest identifies the release by its content: the same programs at the same places for the same versions, wherever they
// came from.
func (r Release) Digest() (digest.Digest, error) {
	r = r.sorted()
	r.Source, r.Pulled = "", nil
	canonical, err := json.Marshal(r) // map keys are sorted by encoding/json
	if err != nil {
		return "", fmt.Errorf("identifying release %s: %w", r.Name(), err)
	}
	return digest.FromBytes(canonical), nil
}

// Name is how the release is called in the store and in bundles, such as "v1.36.3-amd64".
func (r Release) Name() string { return nameOf(r.Kubernetes, r.Arch) }

func nameOf(v Version, arch string) string { return v.String() + "-" + arch }

// Size is the number of bytes of all programs, with shared files counted once.
func (r Release) Size() int64 {
	var total int64
	for _, p := range r.blobs() {
		total += p.Size
	}
	return total
}

// blobs returns one program for each different file, ordered by digest.
func (r Release) blobs() []Program {
	byDigest := slices.SortedFunc(slices.Values(r.Programs), func(a, b Program) int { return cmp.Compare(a.Digest, b.Digest) })
	return slices.CompactFunc(byDigest, func(a, b Program) bool { return a.Digest == b.Digest })
}

func (r Release) sorted() Release {
	r.Programs = slices.SortedFunc(slices.Values(r.Programs), func(a, b Program) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

var (
	programName  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	architecture = regexp.MustCompile(`^[a-z0-9]{1,16}$`)
)

// validate refuses what must not be believed of a release that was read from a file or a bundle: its fields become paths.
func (r Release) validate() error {
	if r.Kubernetes.IsZero() || !architecture.MatchString(r.Arch) {
		return fmt.Errorf("release of Kubernetes %s for %q: both must be given", r.Kubernetes, r.Arch)
	}
	if len(r.Programs) == 0 {
		return fmt.Errorf("release %s has no programs", r.Name())
	}
	seen := map[string]bool{}
	sizes := map[digest.Digest]int64{}
	for _, p := range r.Programs {
		if err := p.validate(); err != nil {
			return fmt.Errorf("release %s: %w", r.Name(), err)
		}
		if size, ok := sizes[p.Digest]; ok && size != p.Size {
			return fmt.Errorf("release %s: program %q: %s cannot have two sizes", r.Name(), p.Name, p.Digest)
		}
		if seen[p.Name] {
			return fmt.Errorf("release %s: two programs are called %q", r.Name(), p.Name)
		}
		seen[p.Name], sizes[p.Digest] = true, p.Size
	}
	return nil
}

func (p Program) validate() error {
	if !programName.MatchString(p.Name) {
		return fmt.Errorf("program name %q is not made of a-z, 0-9, dots and dashes", p.Name)
	}
	if err := validDigest(p.Digest); err != nil {
		return fmt.Errorf("program %q: %w", p.Name, err)
	}
	if p.Size < 0 || p.Size > maxBlob {
		return fmt.Errorf("program %q: size %d is out of bounds", p.Name, p.Size)
	}
	if !strings.HasPrefix(p.Path, "/") || path.Clean(p.Path) != p.Path || p.Path == "/" {
		return fmt.Errorf("program %q: path %q is not absolute and clean", p.Name, p.Path)
	}
	return nil
}

// validDigest admits SHA-256 only, the one algorithm that the store keeps.
func validDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", d, err)
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("digest %q is not SHA-256", d)
	}
	return nil
}
