package debian

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Request says which packages are wanted.
type Request struct {
	// Packages are the names that must be there; what they depend on comes along.
	Packages []string `json:"packages"`
	// Without are names that are taken for installed: what only maintainer scripts need, and those never run.
	Without []string `json:"without,omitempty"`
}

// Resolve chooses the packages for a request, sorted by name. It takes the newest version of each and the first
// alternative that can be had; it does not search for older versions that might fit better, and says what does not fit.
// A package that the archive marks essential is chosen only if something asks for it.
func (x *Index) Resolve(want Request) ([]*Package, error) {
	r := resolution{index: x, without: map[string]bool{}, chosen: map[string]*Package{}}
	for _, name := range want.Without {
		r.without[name] = true
	}
	for _, name := range want.Packages {
		if err := r.need(Dependency{{Name: name}}, "the request"); err != nil {
			return nil, err
		}
	}
	for len(r.queue) > 0 {
		p := r.queue[0]
		r.queue = r.queue[1:]
		for _, d := range p.Depends {
			if err := r.need(d, p.Name); err != nil {
				return nil, err
			}
		}
	}
	return r.result()
}

// resolution is one run of Resolve.
type resolution struct {
	index   *Index
	without map[string]bool
	chosen  map[string]*Package
	queue   []*Package
}

// need makes sure that one alternative of d is chosen.
func (r *resolution) need(d Dependency, by string) error {
	if slices.ContainsFunc(d, r.met) {
		return nil
	}
	for _, alternative := range d {
		if p := r.candidate(alternative); p != nil {
			r.chosen[p.Name] = p
			r.queue = append(r.queue, p)
			return nil
		}
	}
	return fmt.Errorf("%s needs %s, which %s", by, d, r.why(d))
}

// met reports whether something that is chosen, or left out on purpose, satisfies the relation.
func (r *resolution) met(rel Relation) bool {
	if r.without[rel.Name] {
		return true
	}
	if p := r.chosen[rel.Name]; p != nil && rel.Allows(p.Version) {
		return true
	}
	return slices.ContainsFunc(r.index.providers[rel.Name], func(p *Package) bool {
		return r.chosen[p.Name] == p && provides(p, rel)
	})
}

// candidate finds a package for the relation: the one of that name or, where there is none, a provider of it.
func (r *resolution) candidate(rel Relation) *Package {
	if r.chosen[rel.Name] != nil { // in a version that does not fit, or it would be met
		return nil
	}
	if p := r.index.newest(rel.Name); p != nil && rel.Allows(p.Version) {
		return p
	}
	var best *Package
	for _, p := range r.index.providers[rel.Name] {
		if p != r.index.newest(p.Name) || r.chosen[p.Name] != nil || !provides(p, rel) {
			continue
		}
		if best == nil || p.Name < best.Name {
			best = p
		}
	}
	return best
}

// provides reports whether p provides the name in a version that fits. A provision without a version fits only relations
// without one (Policy 7.5).
func provides(p *Package, rel Relation) bool {
	return slices.ContainsFunc(p.Provides, func(v Relation) bool {
		return v.Name == rel.Name && (rel.Operator == "" || v.Operator == "=" && rel.Allows(v.Version))
	})
}

// why explains a dependency that cannot be met.
func (r *resolution) why(d Dependency) string {
	var reasons []string
	for _, rel := range d {
		if p := r.index.newest(rel.Name); p != nil {
			reasons = append(reasons, fmt.Sprintf("the archive has in version %s only", p.Version))
		} else {
			reasons = append(reasons, "the archive does not have")
		}
	}
	return strings.Join(reasons, " and ")
}

// result returns what was chosen, unless two of it exclude each other.
func (r *resolution) result() ([]*Package, error) {
	var all []*Package
	for _, p := range r.chosen {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Package) int { return strings.Compare(a.Name, b.Name) })
	var problems []error
	for _, p := range all {
		for _, d := range p.Conflicts {
			if other := r.chosen[d[0].Name]; other != nil && other != p && d[0].Allows(other.Version) {
				problems = append(problems, fmt.Errorf("%s %s excludes %s, but %s is chosen", p.Name, p.Version, d, other.Version))
			}
		}
	}
	return all, errors.Join(problems...)
}
