package debian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// archive reads the ar format that packages are wrapped in.
type archive struct {
	r    *bufio.Reader
	body io.LimitedReader // of the present member
	pad  int64            // members start at even offsets
}

const arMagic = "!<arch>\n"

func newArchive(r io.Reader) (*archive, error) {
	a := &archive{r: bufio.NewReaderSize(r, 64<<10)}
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(a.r, magic); err != nil || string(magic) != arMagic {
		return nil, errors.New("it is not a package: the ar header is missing")
	}
	return a, nil
}

// next moves to the next member and returns its name, or io.EOF after the last.
func (a *archive) next() (name string, err error) {
	if _, err := io.CopyN(io.Discard, a.r, a.body.N+a.pad); err != nil {
		return "", fmt.Errorf("it ends within a member: %w", noEOF(err))
	}
	a.body.N, a.pad = 0, 0
	header := make([]byte, 60)
	if _, err := io.ReadFull(a.r, header); err == io.EOF {
		return "", io.EOF
	} else if err != nil {
		return "", fmt.Errorf("it ends within a header: %w", noEOF(err))
	}
	if string(header[58:]) != "`\n" {
		return "", errors.New("a member's header is damaged")
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
	if err != nil || size < 0 {
		return "", fmt.Errorf("a member has the size %q", header[48:58])
	}
	a.body, a.pad = io.LimitedReader{R: a.r, N: size}, size%2
	return strings.TrimSuffix(strings.TrimSpace(string(header[:16])), "/"), nil
}

// noEOF turns an end that comes too early into an error that nobody takes for the end of the archive.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
