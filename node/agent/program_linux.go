package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// program starts one of the machine's services.
type program struct {
	name   string
	path   string // PATH
	reaper *reaper
	// output is the writing end of the pipe to the service's log. It stays open between two lives of the service: shims have it
	// too, and write on.
	output *os.File
	// command gives arguments and environment, anew for each start.
	command func() (args, env []string, err error)
}

// launch starts the program in a session of its own, so that no terminal's signal reaches it.
func (p *program) launch() (process, error) {
	file, err := lookPath(p.name, p.path)
	if err != nil {
		return nil, err
	}
	args, env, err := p.command()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(file, args...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + p.path, "HOME=/root"}, env...)
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c, err := p.reaper.start(cmd)
	if err != nil {
		return nil, err // not a nil *child in a process
	}
	return c, nil
}

// lookPath finds a program in a PATH that is not the agent's own.
func lookPath(name, path string) (string, error) {
	for dir := range strings.SplitSeq(path, ":") {
		file := filepath.Join(dir, name)
		if filepath.IsAbs(file) && unix.Access(file, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("looking for %q in %q: %w", name, path, fs.ErrNotExist)
}

// logOutput copies what comes out of a pipe into a log until the pipe is closed everywhere. Output that cannot be written is
// dropped, and the first loss told: a service must never stand still because a disk is full.
func logOutput(pipe io.Reader, to *logFile, log *slog.Logger) {
	buf := make([]byte, 16<<10)
	failing := false
	for {
		n, err := pipe.Read(buf)
		if n > 0 {
			_, writeErr := to.Write(buf[:n])
			if writeErr != nil && !failing {
				log.Error("writing output, dropping it", "file", to.path, "error", writeErr)
			}
			failing = writeErr != nil
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				log.Error("reading output", "file", to.path, "error", err)
			}
			return
		}
	}
}
