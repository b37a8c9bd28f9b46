package host

import (
	"bytes"
	"fmt"
)

// ExitError is a program that ran and ended with a status other than 0.
type ExitError struct {
	Path   string
	Status int
	Stderr []byte
}

// Error names the program and the last line it wrote to standard error, where programs say why.
func (e *ExitError) Error() string {
	lines := bytes.Split(bytes.TrimSpace(e.Stderr), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		return fmt.Sprintf("%s ended with status %d: %s", e.Path, e.Status, last)
	}
	return fmt.Sprintf("%s ended with status %d", e.Path, e.Status)
}
