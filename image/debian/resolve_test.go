package debian

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name     string
		archive  string // "name version; Field: value; …", one line a package
		packages string
		without  string
		want     string // "name=version …", or the error
	}{
		{"takes dependencies along", "a 1; Depends: b\nb 1; Pre-Depends: c\nc 1\nd 1", "a", "", "a=1 b=1 c=1"},
		{"takes the newest version", "a 1\na 2~rc1\na 1.5", "a", "", "a=2~rc1"},
		{"takes the first alternative", "a 1; Depends: x | c | b\nb 1\nc 1", "a", "", "a=1 c=1"},
		{"prefers an alternative that is chosen anyway", "a 1; Depends: b | c\nb 1\nc 1", "a c", "", "a=1 c=1"},
		{"passes over an alternative in the wrong version", "a 1; Depends: b (>= 2) | c\nb 1\nc 1", "a", "", "a=1 c=1"},
		{"finds a provider of a virtual package", "a 1; Depends: v\nz 1; Provides: v\ny 1; Provides: v", "a", "", "a=1 y=1"},
		{"prefers the provider that was asked for", "a 1; Depends: v\nz 1; Provides: v\ny 1; Provides: v", "a z", "", "a=1 z=1"},
		{"takes a provider for a version only if it provides one", "a 1; Depends: v (>= 2)\ny 1; Provides: v\nz 1; Provides: v (= 3)", "a", "", "a=1 z=1"},
		{"follows circles", "a 1; Depends: b\nb 1; Depends: a", "a", "", "a=1 b=1"},
		{"leaves out what is not wanted", "a 1; Depends: b, perl\nb 1\nperl 1", "a", "perl", "a=1 b=1"},
		{"ignores conflicts with what is not chosen", "a 1; Conflicts: b\nb 1", "a", "", "a=1"},
		{"ignores breaks of other versions", "a 1; Breaks: b (<< 1); Depends: b\nb 1", "a", "", "a=1 b=1"},
		{"says what is missing", "a 1; Depends: x | y", "a", "", "a needs x | y, which the archive does not have and the archive does not have"},
		{"says which version there is", "a 1; Depends: b (>= 2)\nb 1", "a", "", "a needs b (>= 2), which the archive has in version 1 only"},
		{"says what was asked for in vain", "a 1", "b", "", "the request needs b"},
		{"says what excludes what", "a 1; Conflicts: b\nb 2", "a b", "", "a 1 excludes b, but 2 is chosen"},
		{"lets a package conflict with what it provides itself", "a 1; Conflicts: v; Provides: v", "a", "", "a=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			chosen, err := indexOf(t, c.archive).Resolve(Request{Packages: strings.Fields(c.packages), Without: strings.Fields(c.without)})
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("the error is %q, want %q", err, c.want)
				}
				return
			}
			var got []string
			for _, p := range chosen {
				got = append(got, p.Name+"="+p.Version)
			}
			if !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func indexOf(t *testing.T, archive string) *Index {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(archive) {
		parts := strings.Split(strings.TrimSpace(line), "; ")
		name, version, _ := strings.Cut(parts[0], " ")
		fmt.Fprintf(&text, "Package: %s\nVersion: %s\nArchitecture: all\nFilename: pool/%s.deb\nSHA256: %064d\nSize: 1\n%s\n\n",
			name, version, name, 0, strings.Join(parts[1:], "\n"))
	}
	var index Index
	if err := index.Add(strings.NewReader(text.String()), "amd64", 0); err != nil {
		t.Fatal(err)
	}
	return &index
}

func TestIndexRefusesDangerousNames(t *testing.T) {
	const good = "Package: a\nVersion: 1\nArchitecture: all\nFilename: pool/a.deb\nSHA256: %064d\nSize: 1\n"
	for _, edit := range [][2]string{
		{"Package: a", "Package: ../a"}, {"pool/a.deb", "../../etc/passwd"}, {"pool/a.deb", "/etc/passwd"}, {"pool/a.deb", "a/../../b"},
		{"SHA256: 0", "SHA256: /"}, {"Size: 1", "Size: -1"}, {"Version: 1", "Version:"},
	} {
		text := strings.Replace(fmt.Sprintf(good, 0), edit[0], edit[1], 1)
		var index Index
		if err := index.Add(strings.NewReader(text), "amd64", 0); err == nil {
			t.Errorf("%q was accepted", edit[1])
		}
	}
}
