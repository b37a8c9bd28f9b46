package preflight

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/release"
)

// lookupLimit bounds the question whether the node's name can be resolved, which is asked only for a warning.
const lookupLimit = time.Second

func (m Machine) firewalld() Check {
	return Check{"Firewalld", func(ctx context.Context, f *Findings) {
		if m.serviceIs(ctx, "is-active", "firewalld") {
			f.Warn("firewalld is active: open the ports %d and %d, or the cluster may not work", m.Config.LocalAPIEndpoint.BindPort, kubeletPort)
		}
	}}
}

func (m Machine) kubeletService() Check {
	return Check{"Service-kubelet", func(ctx context.Context, f *Findings) {
		if !m.systemd() {
			f.Warn("no systemd here: something else must keep the kubelet running")
			return
		}
		if !m.serviceIs(ctx, "is-enabled", "kubelet") {
			f.Warn("the kubelet service is not enabled and will not come back after a reboot: run systemctl enable kubelet.service")
		}
	}}
}

// systemd reports whether systemd runs the machine: this directory is how its own library tells.
func (m Machine) systemd() bool {
	_, err := m.Host.Stat("/run/systemd/system")
	return err == nil
}

func (m Machine) serviceIs(ctx context.Context, question, service string) bool {
	if !m.systemd() {
		return false
	}
	_, err := m.Host.Exec(ctx, host.Command{Path: "systemctl", Args: []string{question, "--quiet", service}})
	return err == nil
}

// nodeName warns when the node's name leads nowhere.
func (m Machine) nodeName() Check {
	return Check{"Hostname", func(ctx context.Context, f *Findings) {
		name := m.Config.NodeRegistration.Name
		for line := range strings.Lines(m.text("/etc/hosts")) {
			line, _, _ = strings.Cut(line, "#")
			for i, field := range strings.Fields(line) {
				if i > 0 && strings.EqualFold(field, name) {
					return
				}
			}
		}
		ctx, cancel := context.WithTimeout(ctx, lookupLimit)
		defer cancel()
		if _, err := m.Host.Exec(ctx, host.Command{Path: "getent", Args: []string{"hosts", name}}); err != nil {
			f.Warn("the node's name %q cannot be resolved: add it to DNS or /etc/hosts", name)
		}
	}}
}

func (m Machine) kubeletVersion() Check {
	return Check{"KubeletVersion", func(ctx context.Context, f *Findings) {
		out, err := m.Host.Exec(ctx, host.Command{Path: "kubelet", Args: []string{"--version"}})
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			f.Fail("the kubelet is not installed: install version %s of it", m.Config.Cluster.KubernetesVersion)
			return
		}
		if err != nil {
			f.Fail("the kubelet does not tell its version: %v", err)
			return
		}
		said := strings.TrimSpace(string(out.Stdout))
		kubelet, err := release.Parse(said[strings.LastIndexByte(said, ' ')+1:]) // Kubernetes v1.36.3
		if err != nil {
			f.Fail("the kubelet tells its version in a way that cannot be read: %q", said)
			return
		}
		cluster, err := release.Parse(m.Config.Cluster.KubernetesVersion)
		if err != nil {
			f.Fail("the configuration's kubernetesVersion cannot be read: %v", err)
			return
		}
		if reason := release.KubeletMayTalkTo(kubelet, cluster); reason != release.OK {
			f.Fail("%s: install kubelet %s", reason, cluster)
		}
	}}
}

// proxy warns when the components would reach the cluster's own addresses through a proxy.
func (m Machine) proxy(name string, addresses []string) Check {
	return Check{name, func(_ context.Context, f *Findings) {
		through := proxyConfig(m.Proxy).ProxyFunc()
		for _, a := range addresses {
			target := &url.URL{Scheme: "https", Host: bracketed(a)}
			if p, err := through(target); err == nil && p != nil {
				f.Warn("connections to %s would go through the proxy %s: add the address to NO_PROXY", a, p.Redacted())
			}
		}
	}}
}

func proxyConfig(env []kubeadm.EnvVar) *httpproxy.Config {
	c := &httpproxy.Config{}
	for _, v := range env {
		switch strings.ToUpper(v.Name) {
		case "HTTP_PROXY":
			c.HTTPProxy = v.Value
		case "HTTPS_PROXY":
			c.HTTPSProxy = v.Value
		case "NO_PROXY":
			c.NoProxy = v.Value
		}
	}
	return c
}

func bracketed(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]"
	}
	return address
}
