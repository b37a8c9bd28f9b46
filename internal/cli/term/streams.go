// Package term is how Slipway speaks to a person: progress, tables, errors with a hint. Answers go to standard output,
// everything else to standard error; colour and live lines appear only on a terminal and never carry meaning alone.
package term

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the three standard streams of a command, so that a test can stand in for the terminal.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Standard returns the streams of this process.
func Standard() Streams { return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr} }

// IsTerminal reports whether a stream is a terminal that can show live lines.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// width returns how many columns w has, or 100 when it cannot say.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 20 {
			return columns
		}
	}
	return 100
}
