package debian

import (
	"fmt"
	"strings"
)

// Relation is one alternative of a dependency: a package name and, maybe, which versions will do.
type Relation struct {
	Name     string
	Operator string // "", "<<", "<=", "=", ">=" or ">>"
	Version  string
}

func (r Relation) String() string {
	if r.Operator == "" {
		return r.Name
	}
	return fmt.Sprintf("%s (%s %s)", r.Name, r.Operator, r.Version)
}

// Allows reports whether version satisfies the relation's constraint.
func (r Relation) Allows(version string) bool {
	if r.Operator == "" {
		return true
	}
	c := CompareVersions(version, r.Version)
	switch r.Operator {
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	default:
		return c > 0
	}
}

// Dependency is met by any one of its alternatives; earlier ones are preferred.
type Dependency []Relation

func (d Dependency) String() string {
	names := make([]string, len(d))
	for i, r := range d {
		names[i] = r.String()
	}
	return strings.Join(names, " | ")
}

// ParseDependencies reads the value of a field such as Depends: "a (>= 1), b | c".
func ParseDependencies(value string) ([]Dependency, error) {
	var all []Dependency
	for group := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(group) == "" {
			continue
		}
		var d Dependency
		for alternative := range strings.SplitSeq(group, "|") {
			r, err := parseRelation(alternative)
			if err != nil {
				return nil, err
			}
			d = append(d, r)
		}
		all = append(all, d)
	}
	return all, nil
}

// parseRelation reads "name[:arch] [(op version)]". The architecture qualifier is dropped: one root file system holds one
// architecture.
func parseRelation(s string) (Relation, error) {
	name, constraint, constrained := strings.Cut(strings.TrimSpace(s), "(")
	name, _, _ = strings.Cut(strings.TrimSpace(name), ":")
	if name == "" || strings.ContainsAny(name, " \t\n") {
		return Relation{}, fmt.Errorf("dependency %q names no package", s)
	}
	if !constrained {
		return Relation{Name: name}, nil
	}
	constraint, closed := strings.CutSuffix(strings.TrimSpace(constraint), ")")
	version := strings.TrimLeft(strings.TrimSpace(constraint), "<=>")
	op := strings.TrimSuffix(strings.TrimSpace(constraint), version)
	switch op {
	case "<<", "<=", "=", ">=", ">>":
	case "<", ">": // the old spellings of <= and >=
		op += "="
	default:
		return Relation{}, fmt.Errorf("dependency %q has no valid operator", s)
	}
	if version = strings.TrimSpace(version); !closed || version == "" {
		return Relation{}, fmt.Errorf("dependency %q has no valid version", s)
	}
	return Relation{Name: name, Operator: op, Version: version}, nil
}
