package preflight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

func dashed(file string) string { return strings.ReplaceAll(file, "/", "-") }

func (m Machine) fileAvailable(file string, ours bool) Check {
	return Check{"FileAvailable-" + dashed(file), func(_ context.Context, f *Findings) {
		if _, err := m.Host.Stat(file); err == nil && !ours {
			f.Fail("%s exists already: this machine is a control plane node; to start anew, run kubeadm reset first", file)
		}
	}}
}

func (m Machine) dirAvailable(dir string, ours bool) Check {
	return Check{"DirAvailable-" + dashed(dir), func(_ context.Context, f *Findings) {
		entries, err := m.Host.ReadDir(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			f.Fail("%s cannot be read: %v", dir, err)
		case len(entries) > 0 && !ours:
			f.Fail("%s is not empty: it may hold the data of a cluster; move it away if you are sure that it is not needed", dir)
		}
	}}
}

func (m Machine) fileExists(name, file string) Check {
	return Check{name, func(_ context.Context, f *Findings) {
		if _, err := m.Host.Stat(file); err != nil {
			f.Fail("%s, which the configuration names, does not exist", file)
		}
	}}
}

func (m Machine) port(port int, ours bool) Check {
	return Check{fmt.Sprintf("Port-%d", port), func(_ context.Context, f *Findings) {
		if ours {
			return
		}
		used, err := m.Host.Listening(port)
		switch {
		case err != nil:
			f.Warn("whether port %d is in use cannot be told: %v", port, err)
		case used:
			f.Fail("port %d is in use: stop the program that listens on it (ss -ltnp shows which)", port)
		}
	}}
}

// setting checks that a kernel setting is 1.
func (m Machine) setting(name string) Check {
	file := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	return Check{"FileContent-" + dashed(file), func(_ context.Context, f *Findings) {
		data, err := m.Host.ReadFile(file)
		if err != nil {
			f.Fail("the kernel setting %s cannot be read: %v", name, err)
		} else if !bytes.HasPrefix(data, []byte("1")) {
			f.Fail("the kernel setting %s is not 1, so that pods could not reach each other: run sysctl -w %s=1, and keep it in /etc/sysctl.d", name, name)
		}
	}}
}

// program checks that one is installed where programs are.
func (m Machine) program(name string) Check {
	return Check{"FileExisting-" + name, func(_ context.Context, f *Findings) {
		for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
			if _, err := m.Host.Stat(path.Join(dir, name)); err == nil {
				return
			}
		}
		f.Fail("the program %s is not installed, and the kubelet needs it", name)
	}}
}

// runtime checks that the container runtime's socket is there.
func (m Machine) runtime() Check {
	return Check{"CRI", func(_ context.Context, f *Findings) {
		socket := strings.TrimPrefix(m.Config.NodeRegistration.CRISocket, "unix://")
		if _, err := m.Host.Stat(socket); err != nil {
			f.Fail("no container runtime at %s: start containerd, or name its socket with nodeRegistration.criSocket", socket)
		}
	}}
}
