package debian

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lock names every package of a root file system, so that it can be built again bit for bit.
type Lock struct {
	Architecture string `json:"architecture"`
	// Origin says in words why these sources were used.
	Origin  string         `json:"origin"`
	Sources []LockedSource `json:"sources"`
	// Profiles are the sets of packages that were asked for, by name.
	Profiles map[string]Profile `json:"profiles"`
	// Packages holds the packages of all profiles, sorted by name.
	Packages []LockedPackage `json:"packages"`
}

// LockedSource is a suite as it was when the lock was made.
type LockedSource struct {
	Source
	Codename string    `json:"codename"`
	Date     time.Time `json:"date"`
}

// Profile is what was asked for and the names of the packages that came of it, sorted.
type Profile struct {
	Request
	Resolved []string `json:"resolved"`
}

// LockedPackage is one version of a package and where it was.
type LockedPackage struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	Filename     string `json:"filename"`
	SHA256       string `json:"sha256"`
	Size         int64  `json:"size"`
	Source       int    `json:"source"` // index in Sources
}

// Checksum returns what identifies the package's file.
func (p LockedPackage) Checksum() Checksum { return Checksum{SHA256: p.SHA256, Size: p.Size} }

// Digest identifies the content of the lock: the packages and their grouping, not the mirror they came from.
func (l Lock) Digest() string {
	content := struct {
		Architecture string
		Profiles     map[string]Profile
		Packages     []LockedPackage
	}{l.Architecture, l.Profiles, slices.Clone(l.Packages)}
	for i := range content.Packages {
		content.Packages[i].Source, content.Packages[i].Filename = 0, ""
	}
	data, err := json.Marshal(content)
	if err != nil {
		panic(err) // plain data always marshals
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Of returns the packages of a profile, sorted by name.
func (l Lock) Of(profile string) []LockedPackage {
	var some []LockedPackage
	for _, p := range l.Packages {
		if _, ok := slices.BinarySearch(l.Profiles[profile].Resolved, p.Name); ok {
			some = append(some, p)
		}
	}
	return some
}

// Answers reports whether the lock was made for exactly these requests and this architecture.
func (l Lock) Answers(requests map[string]Request, arch string) bool {
	if l.Architecture != arch || len(l.Profiles) != len(requests) {
		return false
	}
	for name, r := range requests {
		had, ok := l.Profiles[name]
		if !ok || !slices.Equal(had.Packages, r.Packages) || !slices.Equal(had.Without, r.Without) {
			return false
		}
	}
	return true
}

// Validate refuses a lock that was not made by this program: names and sums become parts of paths.
func (l Lock) Validate() error {
	for i, p := range l.Packages {
		switch {
		case !validName(p.Name):
			return fmt.Errorf("lock: package %d has the name %q", i, p.Name)
		case !validSHA256(p.SHA256):
			return fmt.Errorf("lock: package %q has the sum %q", p.Name, p.SHA256)
		case p.Source < 0 || p.Source >= len(l.Sources):
			return fmt.Errorf("lock: package %q is from source %d of %d", p.Name, p.Source, len(l.Sources))
		case i > 0 && strings.Compare(l.Packages[i-1].Name, p.Name) >= 0:
			return fmt.Errorf("lock: package %q is out of order", p.Name)
		}
	}
	return nil
}
