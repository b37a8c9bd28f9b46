package debian

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Package is one version of a package in the archive.
type Package struct {
	Name         string
	Version      string
	Architecture string
	Filename     string // relative to the archive's URI
	Checksum
	InstalledSize int64 // bytes, as the archive estimates them
	Depends       []Dependency
	Conflicts     []Dependency // and Breaks: what must not be installed beside it
	Provides      []Relation
	source        int // index of the Source it came from
}

// Index holds the packages of some suites.
type Index struct {
	versions  map[string][]*Package // by name, newest first after sort
	providers map[string][]*Package // by the name provided
}

// packageFields are the fields kept of each paragraph; an index has 64,000 of them, and descriptions are most of it.
var packageFields = []string{
	"package", "version", "architecture", "filename", "sha256", "size", "installed-size", "depends", "pre-depends",
	"conflicts", "breaks", "provides",
}

// Add reads a Packages file for an architecture into the index.
func (x *Index) Add(r io.Reader, arch string, source int) error {
	if x.versions == nil {
		x.versions, x.providers = map[string][]*Package{}, map[string][]*Package{}
	}
	keep := func(field string) bool { return slices.Contains(packageFields, field) }
	for paragraphs := NewParagraphReader(r, keep); ; {
		p, err := paragraphs.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		pkg, err := parsePackage(p)
		if err != nil {
			return fmt.Errorf("package %q: %w", p.Get("Package"), err)
		}
		if pkg.Architecture == arch || pkg.Architecture == "all" {
			pkg.source = source
			x.add(pkg)
		}
	}
}

func (x *Index) add(p *Package) {
	x.versions[p.Name] = append(x.versions[p.Name], p)
	for _, r := range p.Provides {
		x.providers[r.Name] = append(x.providers[r.Name], p)
	}
}

// newest returns the newest version of a package, or nil. Of two equal ones the source named first has it.
func (x *Index) newest(name string) *Package {
	var best *Package
	for _, p := range x.versions[name] {
		if best == nil || CompareVersions(p.Version, best.Version) > 0 {
			best = p
		}
	}
	return best
}

func parsePackage(p Paragraph) (*Package, error) {
	pkg := &Package{
		Name: p.Get("Package"), Version: p.Get("Version"), Architecture: p.Get("Architecture"), Filename: p.Get("Filename"),
	}
	if !validName(pkg.Name) || pkg.Version == "" {
		return nil, errors.New("it has no valid name or no version")
	}
	if pkg.Filename == "" || path.IsAbs(pkg.Filename) || pkg.Filename != path.Clean(pkg.Filename) || strings.HasPrefix(pkg.Filename, "../") {
		return nil, fmt.Errorf("its file name %q is not a path within the archive", pkg.Filename)
	}
	var err error
	if pkg.Checksum, err = parseChecksum(p.Get("SHA256"), p.Get("Size")); err != nil {
		return nil, err
	}
	if _, err := fmt.Sscanf(p.Get("Installed-Size")+" ", "%d", &pkg.InstalledSize); err == nil {
		pkg.InstalledSize <<= 10 // the field counts KiB; a package without it just has no estimate
	}
	return pkg, parseRelations(pkg, p)
}

func parseRelations(pkg *Package, p Paragraph) error {
	var err error
	if pkg.Depends, err = ParseDependencies(p.Get("Pre-Depends") + "," + p.Get("Depends")); err != nil {
		return err
	}
	if pkg.Conflicts, err = ParseDependencies(p.Get("Conflicts") + "," + p.Get("Breaks")); err != nil {
		return err
	}
	provides, err := ParseDependencies(p.Get("Provides"))
	for _, d := range provides {
		pkg.Provides = append(pkg.Provides, d...)
	}
	return err
}

// validName keeps a package's name from being anything but a name in paths and messages (Policy 5.6.7, and upper case for
// the few that have it).
func validName(s string) bool {
	if s == "" || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !strings.ContainsRune("+-._", rune(c)) {
			return false
		}
	}
	return true
}
