package engine

// maxName is the longest DNS label.
const maxName = 63

// CheckName refuses a name of a cluster or machine that is no DNS label: it becomes a host name, a path and a cgroup.
func CheckName(field, name string) error {
	bad := func(reason string) error { return &InvalidError{Field: field, Value: name, Reason: reason} }
	switch {
	case name == "":
		return bad("it is empty")
	case len(name) > maxName:
		return bad("it is longer than 63 characters")
	case name[0] == '-' || name[len(name)-1] == '-':
		return bad("it begins or ends with a hyphen")
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return bad("only lower-case letters, digits and hyphens can be used")
		}
	}
	return nil
}
