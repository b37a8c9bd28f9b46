package node

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/slipway-dev/slipway/config"
	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/kubeadm"
)

// Observe reads what a configuration's defaults depend on.
func Observe(_ context.Context, h host.Host) (kubeadm.Facts, error) {
	name, err := h.Hostname()
	if err != nil {
		return kubeadm.Facts{}, fmt.Errorf("reading the machine's name: %w", err)
	}
	return kubeadm.Facts{Hostname: name, Address: defaultAddress(h), Sockets: sockets(h), Rand: h.Rand()}, nil
}

// sockets finds the container runtimes that kubeadm looks for, where it looks for them.
func sockets(h host.Host) []string {
	var found []string
	for _, s := range []string{"/var/run/containerd/containerd.sock", "/var/run/crio/crio.sock", "/var/run/cri-dockerd.sock"} {
		if info, err := h.Stat(s); err == nil && info.Mode()&fs.ModeSocket != 0 {
			found = append(found, "unix://"+s)
		}
	}
	return found
}

// resolvConf returns the file with the real name servers where systemd-resolved stands before them, else "".
func resolvConf(h host.Host) string {
	if _, err := h.Stat(config.SystemdResolvConf); err != nil {
		return ""
	}
	return config.SystemdResolvConf
}

func existing(h host.Host, dirs []string) []string {
	var there []string
	for _, d := range dirs {
		if _, err := h.Stat(d); err == nil {
			there = append(there, d)
		}
	}
	return there
}

// proxySettings picks them out of an environment.
func proxySettings(environment []string) []kubeadm.EnvVar {
	var vars []kubeadm.EnvVar
	for _, e := range environment {
		name, value, _ := strings.Cut(e, "=")
		if value != "" && strings.HasSuffix(strings.ToLower(name), "_proxy") {
			var v kubeadm.EnvVar
			v.Name, v.Value = name, value
			vars = append(vars, v)
		}
	}
	return vars
}
