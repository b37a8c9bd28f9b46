package term

import (
	"errors"
	"fmt"
	"io"
)

// Hinter is an error that knows what its reader can do about it.
type Hinter interface{ Hint() string }

// hinted adds a hint to an error.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }
func (h hinted) Hint() string  { return h.hint }

// WithHint returns err with a hint for its reader.
func WithHint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// PrintError writes what went wrong and why, and the hint if some error in the chain has one.
func PrintError(w io.Writer, err error) {
	fmt.Fprintln(w, "error:", err)
	var h Hinter
	if errors.As(err, &h) && h.Hint() != "" {
		fmt.Fprintln(w, "hint: ", h.Hint())
	}
}
