package debian

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParagraphs(t *testing.T) {
	const text = "# a comment\n\nPackage: a\nDescription: short\n long\n .\n longer\nEMPTY:\n\n\nPackage: b\n"
	r := NewParagraphReader(strings.NewReader(text), nil)
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := first.Get("Description"), "short\nlong\n\nlonger"; got != want {
		t.Errorf("a folded field is %q, want %q", got, want)
	}
	second, err := r.Next()
	if err != nil || second.Get("PACKAGE") != "b" {
		t.Errorf("the second paragraph is %v, %v", second, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last paragraph comes %v, want io.EOF", err)
	}
}

func TestParagraphsRefuseDamage(t *testing.T) {
	for name, text := range map[string]string{
		"a line without a colon":        "Package a\n",
		"a blank in the field's name":   "Pack age: a\n",
		"a continuation at the start":   " more\n",
		"a line longer than is allowed": "A: " + strings.Repeat("x", maxLine) + "\n",
	} {
		if p, err := NewParagraphReader(strings.NewReader(text), nil).Next(); err == nil {
			t.Errorf("%s was taken for %v", name, p)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("Package: a\nVersion: 1\nArchitecture: amd64\nFilename: pool/a.deb\nSHA256: " + strings.Repeat("0", 64) +
		"\nSize: 1\nDepends: b (>= 1) | c:any, d\nProvides: e (= 1)\n\n")
	f.Add("Package: ../a\n")
	f.Fuzz(func(t *testing.T, text string) {
		var index Index
		if err := index.Add(strings.NewReader(text), "amd64", 0); err != nil {
			return
		}
		for name, versions := range index.versions {
			for _, p := range versions {
				if !validName(name) || strings.HasPrefix(p.Filename, "/") || strings.HasPrefix(p.Filename, "..") {
					t.Errorf("package %q with the file %q was accepted", name, p.Filename)
				}
			}
			_, _ = index.Resolve(Request{Packages: []string{name}}) // must end
		}
	})
}

func TestDependencies(t *testing.T) {
	got, err := ParseDependencies("a, b (>= 1:2-3) | c:any (<< 4),\n d( = 5 ), ")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range got {
		all = append(all, d.String())
	}
	if got, want := strings.Join(all, ", "), "a, b (>= 1:2-3) | c (<< 4), d (= 5)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []string{"a (>= )", "a (1)", "a (>= 1", "| a", "a b", "a (~ 1)"} {
		if d, err := ParseDependencies(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, d)
		}
	}
}
