package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a handle to one process: it never means another one that got the same number later.
type process struct {
	pid int
	fd  *os.File
}

// openProcess returns a handle to the process, or nil when there is none.
func openProcess(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening process %d: %w", pid, err)
	}
	return &process{pid: pid, fd: os.NewFile(uintptr(fd), "pidfd")}, nil
}

func (p *process) close() {
	if p != nil {
		p.fd.Close()
	}
}

// signal sends a signal; a process that has ended already is no error.
func (p *process) signal(s unix.Signal) error {
	conn, err := p.fd.SyscallConn()
	if err != nil {
		return fmt.Errorf("signalling process %d: %w", p.pid, err)
	}
	var sent error
	err = conn.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), s, nil, 0) })
	if err = errors.Join(err, sent); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signalling process %d: %w", p.pid, err)
	}
	return nil
}

// wait returns nil once the process has ended, or ctx's error. It costs nothing while the process lives: the runtime's poller
// is told by the kernel.
func (p *process) wait(ctx context.Context) error {
	conn, err := p.fd.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for process %d: %w", p.pid, err)
	}
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { _ = p.fd.SetReadDeadline(past) })
	defer stop()
	err = conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || (err != nil && !errors.Is(err, unix.EINTR))
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("waiting for process %d: %w", p.pid, err)
	}
	return nil
}

// end asks the process to end, and kills it when it has not after grace.
func (p *process) end(ctx context.Context, grace time.Duration) error {
	if err := p.signal(unix.SIGTERM); err != nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if p.wait(patient) == nil {
		return nil
	}
	if err := p.signal(unix.SIGKILL); err != nil {
		return err
	}
	return p.wait(ctx)
}

// firstProcess returns the first process of the machine, or nil when it does not run. One that is still runc, about to become
// the machine's program, does not count: it may have been left behind like that.
func firstProcess(p machinePaths) (*process, error) {
	proc, becoming, err := lookAtFirst(p)
	if becoming {
		proc.close()
		return nil, err
	}
	return proc, err
}

// lookAtFirst finds the first process. The number that runc has written down counts only if that process is in the machine's
// cgroup and is the first of its pid namespace.
func lookAtFirst(p machinePaths) (proc *process, becoming bool, err error) {
	data, err := os.ReadFile(p.pidFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the process of machine %q: %w", p.name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 0 {
		return nil, false, nil // runc was interrupted while writing it
	}
	if proc, err = openProcess(pid); proc == nil || err != nil {
		return nil, false, err
	}
	dir := fmt.Sprintf("/proc/%d/", pid)
	status, err1 := os.ReadFile(dir + "status")
	cgroups, err2 := os.ReadFile(dir + "cgroup")
	first, becoming := isFirst(status)
	if err1 != nil || err2 != nil || !first || !inCgroup(cgroups, p.cgroup()) {
		proc.close()
		return nil, false, nil
	}
	return proc, becoming, nil
}

// isFirst reads /proc/<pid>/status: whether it is a live process that is number 1 in its innermost pid namespace, and whether
// it is still runc about to become the machine's program.
func isFirst(status []byte) (first, becoming bool) {
	alive := false
	for line := range bytes.Lines(status) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		fields := bytes.Fields(value)
		if len(fields) == 0 {
			continue
		}
		switch string(key) {
		case "Name":
			becoming = bytes.HasPrefix(fields[0], []byte("runc:["))
		case "State":
			alive = fields[0][0] != 'Z' && fields[0][0] != 'X'
		case "NSpid":
			first = len(fields) > 1 && string(fields[len(fields)-1]) == "1"
		}
	}
	return first && alive, becoming
}

// inCgroup reads /proc/<pid>/cgroup: whether the process is in the cgroup or one below it, in any hierarchy.
func inCgroup(cgroups []byte, path string) bool {
	for line := range bytes.Lines(cgroups) {
		fields := bytes.SplitN(bytes.TrimSpace(line), []byte(":"), 3)
		if len(fields) == 3 && (string(fields[2]) == path || bytes.HasPrefix(fields[2], []byte(path+"/"))) {
			return true
		}
	}
	return false
}
