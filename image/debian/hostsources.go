package debian

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The archive that is used when the host does not name one.
const (
	defaultArchive  = "http://deb.debian.org/debian"
	defaultSecurity = "http://deb.debian.org/debian-security"
	defaultSuite    = "trixie"
)

// HostSources returns the sources of the host's own distribution from its apt configuration below root ("/" on a real host),
// and in words where they come from. Third parties' archives, which also stand in apt's files, are left out: only
// suites of the host's release ("bookworm", "bookworm-updates", "bookworm-security") with the component "main" count.
// A host without any gets Debian's own mirror. A file that cannot be understood is passed over when others suffice.
func HostSources(root string) (sources []Source, reason string, err error) {
	all, problems := readSources(root)
	codenames := hostCodenames(root)
	for _, s := range all {
		if ofRelease(s.Suite, codenames) && slices.Contains(s.Components, "main") && fetchable(s.URI) {
			s.Components = []string{"main"}
			known := func(other Source) bool { return other.URI == s.URI && other.Suite == s.Suite }
			if !slices.ContainsFunc(sources, known) {
				sources = append(sources, s)
			}
		}
	}
	if len(sources) > 0 {
		return sources, "the apt sources of this host", nil
	}
	if err := errors.Join(problems...); err != nil {
		return nil, "", err
	}
	return DefaultSources(), "Debian's own mirror, because the apt sources of this host name no archive of its distribution", nil
}

// DefaultSources returns Debian's stable release from its own mirror.
func DefaultSources() []Source {
	return []Source{
		{URI: defaultArchive, Suite: defaultSuite, Components: []string{"main"}},
		{URI: defaultArchive, Suite: defaultSuite + "-updates", Components: []string{"main"}},
		{URI: defaultSecurity, Suite: defaultSuite + "-security", Components: []string{"main"}},
	}
}

// MirrorSources returns the single source that a person named: mirror is a URI, optionally followed by a suite.
// Without a suite it is the host's release, or Debian's stable where the host is of another distribution. keyring is the path
// of the keys it is signed by, or "" for those that the host trusts.
func MirrorSources(root, mirror, keyring string) ([]Source, error) {
	uri, suite, _ := strings.Cut(strings.TrimSpace(mirror), " ")
	if !fetchable(uri) {
		return nil, fmt.Errorf("mirror %q: only http, https and file URIs can be read", uri)
	}
	if suite = strings.TrimSpace(suite); suite == "" {
		suite = defaultSuite
		if names := hostCodenames(root); len(names) > 0 {
			suite = names[0]
		}
	}
	return []Source{{URI: strings.TrimSuffix(uri, "/"), Suite: suite, Components: []string{"main"}, SignedBy: keyring}}, nil
}

func readSources(root string) (all []Source, problems []error) {
	files := []string{filepath.Join(root, "etc/apt/sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		more, _ := filepath.Glob(filepath.Join(root, "etc/apt/sources.list.d", pattern)) // the only error is a bad pattern
		files = append(files, more...)
	}
	for _, path := range files {
		some, err := readSourceFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("reading apt's sources in %q: %w", path, err))
		}
		all = append(all, some...)
	}
	return all, problems
}

func readSourceFile(path string) ([]Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if strings.HasSuffix(path, ".sources") {
		return ParseSources(f)
	}
	return ParseSourcesList(f)
}

// hostCodenames returns what the host's release may be called in its archive, the likeliest first.
func hostCodenames(root string) []string {
	data, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return nil // not a Linux distribution that says what it is
	}
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	var names []string
	for _, key := range []string{"DEBIAN_CODENAME", "UBUNTU_CODENAME", "VERSION_CODENAME"} {
		if values[key] != "" && !slices.Contains(names, values[key]) {
			names = append(names, values[key])
		}
	}
	return names
}

func ofRelease(suite string, codenames []string) bool {
	for _, name := range codenames {
		if suite == name || suite == name+"-updates" || suite == name+"-security" || suite == name+"/updates" {
			return true
		}
	}
	return false
}

func fetchable(uri string) bool {
	return strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "file:/")
}
