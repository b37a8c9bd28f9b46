package release

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Version is a version of Kubernetes. The zero Version is none.
type Version struct {
	Major, Minor, Patch int
	// Pre is what follows the dash of a pre-release, such as "rc.1"; empty for a release.
	Pre string
}

var versionPattern = regexp.MustCompile(`^v?(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-([0-9A-Za-z.-]{1,64}))?(?:\+[0-9A-Za-z.-]{1,64})?$`)

// Parse reads a version such as "v1.36.3", with or without the v. Build metadata after a plus says nothing about the
// version and is dropped.
func Parse(s string) (Version, error) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a Kubernetes version like v1.36.3", s)
	}
	return Version{Major: number(m[1]), Minor: number(m[2]), Patch: number(m[3]), Pre: m[4]}, nil
}

// number reads digits that the pattern has already bounded.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// String returns the version as Kubernetes writes it, such as "v1.36.3".
func (v Version) String() string {
	s := fmt.Sprintf("v%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	return s
}

// Line returns the minor version that v belongs to, such as "1.36".
func (v Version) Line() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders versions; a pre-release comes before its release. Two pre-releases of one version are ordered by their
// text, which is right for the alphas, betas and candidates that Kubernetes publishes, up to their tenth.
func (v Version) Compare(w Version) int {
	if v.Pre != w.Pre && (v.Pre == "" || w.Pre == "") {
		if c := v.release().Compare(w.release()); c != 0 {
			return c
		}
		return cmp.Compare(w.Pre, v.Pre) // the empty one is the later one
	}
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch), cmp.Compare(v.Pre, w.Pre))
}

func (v Version) release() Version { v.Pre = ""; return v }

// atLeast reports whether v belongs to the minor version 1.minor or a later one; its pre-releases count as it.
func (v Version) atLeast(minor int) bool { return v.Major > 1 || v.Major == 1 && v.Minor >= minor }

// MarshalText writes the version as String does.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a version as Parse does.
func (v *Version) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}
