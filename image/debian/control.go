package debian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Paragraph is one block of "Field: value" lines, the format of all control files of the archive. Field names are kept in
// lower case, for the format ignores case. Continuation lines are joined by newlines, without the blank that marks them.
type Paragraph map[string]string

// Get returns the value of a field, "" when it is not there.
func (p Paragraph) Get(field string) string { return p[strings.ToLower(field)] }

// maxLine bounds one line of a control file. The longest lines of real archives (Provides of Rust packages) have 40 kB.
const maxLine = 4 << 20

// ParagraphReader reads control paragraphs one after the other.
type ParagraphReader struct {
	lines *bufio.Scanner
	line  int
	keep  func(field string) bool
}

// NewParagraphReader reads from r. Only fields for which keep holds are kept; a nil keep keeps all.
func NewParagraphReader(r io.Reader, keep func(field string) bool) *ParagraphReader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	return &ParagraphReader{lines: s, keep: keep}
}

// Next returns the next paragraph, or io.EOF after the last.
func (r *ParagraphReader) Next() (Paragraph, error) {
	p := Paragraph{}
	seen, last := false, ""
	for r.lines.Scan() {
		r.line++
		line := strings.TrimRight(r.lines.Text(), " \t\r")
		switch {
		case line == "":
			if seen {
				return p, nil
			}
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if !seen {
				return nil, fmt.Errorf("line %d continues a field, but none came before it", r.line)
			}
			if last != "" {
				p[last] += "\n" + unfold(line)
			}
		default:
			field, value, err := r.field(line)
			if err != nil {
				return nil, err
			}
			seen, last = true, ""
			if r.keep == nil || r.keep(field) {
				p[field], last = value, field
			}
		}
	}
	if err := r.lines.Err(); err != nil {
		return nil, fmt.Errorf("after line %d: %w", r.line, err)
	}
	if !seen {
		return nil, io.EOF
	}
	return p, nil
}

func (r *ParagraphReader) field(line string) (field, value string, err error) {
	field, value, ok := strings.Cut(line, ":")
	if !ok || field == "" || strings.ContainsAny(field, " \t") {
		return "", "", fmt.Errorf("line %d is not of the form \"Field: value\"", r.line)
	}
	return strings.ToLower(field), strings.TrimSpace(value), nil
}

// unfold takes the marking blank off a continuation line; a lone dot stands for an empty line.
func unfold(line string) string {
	line = strings.TrimSpace(line)
	if line == "." {
		return ""
	}
	return line
}

// readParagraph returns the only paragraph of a text, such as a release file or a package's control file.
func readParagraph(r io.Reader) (Paragraph, error) {
	p, err := NewParagraphReader(r, nil).Next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	return p, err
}
