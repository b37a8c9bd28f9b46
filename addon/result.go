package addon

// Outcome is what became of an object.
type Outcome string

// The outcomes. Kept is an object that is no longer part of its addon and stays nevertheless; the change says why.
const (
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Unchanged Outcome = "unchanged"
	Deleted   Outcome = "deleted"
	Kept      Outcome = "kept"
)

// Change is what became of one object.
type Change struct {
	Object  Ref     `json:"object"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
}

// Result is what became of all objects.
type Result []Change

// Changed reports whether the cluster is another than before.
func (r Result) Changed() bool {
	for _, c := range r {
		if c.Outcome == Created || c.Outcome == Changed || c.Outcome == Deleted {
			return true
		}
	}
	return false
}

// Count returns how many objects had an outcome.
func (r Result) Count(o Outcome) int {
	n := 0
	for _, c := range r {
		if c.Outcome == o {
			n++
		}
	}
	return n
}
