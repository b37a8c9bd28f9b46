package engine

import (
	"fmt"
	"io"
)

// ExecOptions is a program to run in a machine.
type ExecOptions struct {
	// Args is its command line; the program is looked up in the machine's PATH.
	Args []string
	// Env is added to the machine's own environment. Dir is "/" unless given.
	Env []string
	Dir string
	// TTY gives it a terminal of its own. Stdin and Stdout must then be a terminal (*os.File).
	TTY            bool
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// ExitError is a program that ran in a machine and ended with another status than 0.
type ExitError struct {
	Program string
	Status  int
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("%s ended with status %d", e.Program, e.Status)
}
