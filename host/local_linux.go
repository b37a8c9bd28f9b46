package host

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// killTogether makes the end of the context end the program's children too.
func killTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// status is the exit status as shells give it: 128 and the signal's number for a program that was killed.
func status(err *exec.ExitError) int {
	if ws, ok := err.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return err.ExitCode()
}

// listening reads the kernel's socket tables; a kernel without IPv6 has only the first.
func listening(port int) (bool, error) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		found, err := listens(table, port)
		if errors.Is(err, fs.ErrNotExist) && table != "/proc/net/tcp" {
			continue
		}
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// listens looks in one table for a socket in state LISTEN. A line reads
//
//	0: 00000000:1F90 00000000:0000 0A …
func listens(table string, port int) (bool, error) {
	const listen = "0A"
	f, err := os.Open(table)
	if err != nil {
		return false, fmt.Errorf("asking for listeners on port %d: %w", port, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
			return true, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("reading %q: %w", table, err)
	}
	return false, nil
}
