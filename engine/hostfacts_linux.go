package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lookAtHost gathers what a machine's configuration depends on.
func lookAtHost() (hostFacts, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return hostFacts{}, fmt.Errorf("reading own capabilities: %w", err)
	}
	caps, err := parseCapabilities(status)
	if err != nil {
		return hostFacts{}, err
	}
	files, err := openFiles(caps)
	if err != nil {
		return hostFacts{}, err
	}
	return hostFacts{
		Capabilities: caps, OpenFiles: files,
		Modules: exists("/lib/modules"), Fuse: exists("/dev/fuse"), Tun: exists("/dev/net/tun"),
	}, nil
}

// wantedOpenFiles is what distributions give to container runtimes.
const wantedOpenFiles = 1 << 20

// openFiles bounds the number of open files by what the host lets us give.
func openFiles(caps capabilities) (uint64, error) {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	if !caps.has(capSysResource) {
		return min(wantedOpenFiles, own.Max), nil
	}
	data, err := os.ReadFile("/proc/sys/fs/nr_open")
	if errors.Is(err, fs.ErrNotExist) {
		return wantedOpenFiles, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	var most uint64
	if _, err := fmt.Sscan(string(data), &most); err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	return min(wantedOpenFiles, most), nil
}
