package release

import (
	"fmt"
	"slices"
	"strings"
)

// The names of what goes with Kubernetes, as keys of components and versions.
const (
	Etcd       = "etcd"
	CoreDNS    = "coredns"
	Pause      = "pause"
	Containerd = "containerd"
	Runc       = "runc"
	CNIPlugins = "cni-plugins"
	Flannel    = "flannel"
)

// Supported is a Kubernetes version that Slipway makes clusters of, with the version of everything that goes with it.
type Supported struct {
	Kubernetes Version
	// Components maps the names above to versions as each project writes them in its tags.
	Components map[string]string
}

// AllSupported lists the supported versions, newest first. To add one: a row here and, for a new minor version, a module
// under dist/.
func AllSupported() []Supported {
	return []Supported{
		{
			Kubernetes: Version{Major: 1, Minor: 36, Patch: 3},
			Components: map[string]string{
				Etcd:       "v3.6.16",
				CoreDNS:    "v1.15.0",
				Pause:      "3.10.2",
				Containerd: "v2.4.2",
				Runc:       "v1.5.2",
				CNIPlugins: "v1.9.1",
				Flannel:    "v0.28.10",
			},
		},
	}
}

// UnsupportedError says that a version is not among those that Slipway makes clusters of.
type UnsupportedError struct {
	Wanted    string
	Available []Version
}

func (e *UnsupportedError) Error() string {
	names := make([]string, len(e.Available))
	for i, v := range e.Available {
		names[i] = v.String()
	}
	return fmt.Sprintf("Kubernetes %s is not supported (available: %s)", e.Wanted, strings.Join(names, ", "))
}

// Hint names a version that is supported.
func (e *UnsupportedError) Hint() string {
	if len(e.Available) == 0 {
		return ""
	}
	return fmt.Sprintf("use %s, or leave the version out for the newest", e.Available[0])
}

// Find returns the supported version that spec asks for: the newest for "", the newest patch of a line for "1.36" or "v1.36",
// otherwise exactly that version. The error is an *UnsupportedError, also when spec is no version at all.
func Find(spec string) (Supported, error) { return find(AllSupported(), spec) }

func find(all []Supported, spec string) (Supported, error) {
	matches := func(s Supported) bool {
		wanted := strings.TrimPrefix(spec, "v")
		return spec == "" || wanted == s.Kubernetes.Line() || "v"+wanted == s.Kubernetes.String()
	}
	if i := slices.IndexFunc(all, matches); i >= 0 {
		return all[i], nil
	}
	unsupported := &UnsupportedError{Wanted: fmt.Sprintf("%q", spec)}
	if v, err := Parse(spec); err == nil {
		unsupported.Wanted = v.String()
	}
	for _, s := range all {
		unsupported.Available = append(unsupported.Available, s.Kubernetes)
	}
	return Supported{}, unsupported
}
