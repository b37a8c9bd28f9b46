package debian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Source is one place to get packages from: one suite of one archive.
type Source struct {
	URI        string   `json:"uri"`
	Suite      string   `json:"suite"`
	Components []string `json:"components"`
	// SignedBy is paths of keyrings, an armored key, fingerprints of some of the keys that the host trusts for any archive, or
	// "" for all of those.
	SignedBy string `json:"-"`
}

func (s Source) String() string { return s.URI + " " + s.Suite }

// ParseSourcesList reads apt's one-line format (sources.list) and returns the sources of binary packages.
func ParseSourcesList(r io.Reader) ([]Source, error) {
	var all []Source
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		s, binary, err := parseSourceLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if binary {
			all = append(all, s)
		}
	}
	return all, lines.Err()
}

// parseSourceLine reads "deb [options] uri suite component…".
func parseSourceLine(line string) (s Source, binary bool, err error) {
	kind, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if kind != "deb" && kind != "deb-src" {
		return s, false, fmt.Errorf("%q is neither \"deb\" nor \"deb-src\"", kind)
	}
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, "[") {
		options, after, closed := strings.Cut(rest[1:], "]")
		if !closed {
			return s, false, errors.New("the options are not closed by \"]\"")
		}
		for option := range strings.FieldsSeq(options) {
			if key, value, _ := strings.Cut(option, "="); strings.EqualFold(key, "signed-by") {
				s.SignedBy = value
			}
		}
		rest = after
	}
	words := strings.Fields(rest)
	if len(words) < 2 {
		return s, false, errors.New("a source needs a URI and a suite")
	}
	s.URI, s.Suite, s.Components = strings.TrimSuffix(words[0], "/"), words[1], words[2:]
	return s, kind == "deb", nil
}

// ParseSources reads apt's deb822 format (*.sources) and returns the sources of binary packages that are enabled.
func ParseSources(r io.Reader) ([]Source, error) {
	var all []Source
	for paragraphs := NewParagraphReader(r, nil); ; {
		p, err := paragraphs.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, expandSource(p)...)
	}
}

func expandSource(p Paragraph) []Source {
	switch strings.ToLower(p.Get("Enabled")) {
	case "no", "false", "0", "off", "without", "disable":
		return nil
	}
	binary := false
	for kind := range strings.FieldsSeq(p.Get("Types")) {
		binary = binary || kind == "deb"
	}
	if !binary {
		return nil
	}
	var all []Source
	for uri := range strings.FieldsSeq(p.Get("URIs")) {
		for suite := range strings.FieldsSeq(p.Get("Suites")) {
			all = append(all, Source{
				URI: strings.TrimSuffix(uri, "/"), Suite: suite,
				Components: strings.Fields(p.Get("Components")), SignedBy: strings.TrimSpace(p.Get("Signed-By")),
			})
		}
	}
	return all
}
