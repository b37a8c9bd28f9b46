package engine

// Finding is one thing that was checked about this host.
type Finding struct {
	// Name identifies the check, such as "cgroups".
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Warning findings that are not OK do not keep machines from running.
	Warning bool `json:"warning,omitempty"`
	// What was found, why it matters, and what to do about it. Why and Hint are empty when all is well.
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Hint string `json:"hint,omitempty"`
}

// Blocking returns those findings that keep machines from running.
func Blocking(all []Finding) []Finding {
	var blocking []Finding
	for _, f := range all {
		if !f.OK && !f.Warning {
			blocking = append(blocking, f)
		}
	}
	return blocking
}
