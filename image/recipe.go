package image

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/image/debian"
)

// The sets of Debian packages: base is a machine's own, tools is what container images need that call other programs. Both
// come from one lock, so that tools is a part of base and its files can be links to base's.
const (
	baseProfile  = "base"
	toolsProfile = "tools"
)

// notNeeded are packages that others name as dependencies for the sake of scripts that never run here, or of a system
// that packages are installed on one by one.
var notNeeded = []string{
	"adduser", "debconf", "debconf-2.0", "dpkg", "init-system-helpers", "install-info", "libpam-runtime",
	"libpam-modules", "libpam-modules-bin", "libdebconfclient0", "lsb-base", "openssl", "passwd", "perl-base", "readline-common",
	"sensible-utils", "sysvinit-utils", "usr-is-merged", "usrmerge", "gcc-12-base", "gcc-13-base", "gcc-14-base",
}

// packages are what is asked of the archive: what the kubelet, containerd and kube-proxy call, and what a person needs who
// looks for a fault in a machine.
func packages() map[string]debian.Request {
	return map[string]debian.Request{
		baseProfile: {Without: notNeeded, Packages: []string{
			"base-files", "base-passwd", "bash", "ca-certificates", "conntrack", "coreutils", "curl", "dash", "debianutils", "diffutils",
			"ethtool", "findutils", "grep", "gzip", "hostname", "iproute2", "iputils-ping", "kmod", "less", "libc-bin", "mawk", "mount",
			"ncurses-base", "ncurses-bin", "netbase", "nftables", "procps", "sed", "socat", "strace", "tar", "util-linux",
		}},
		toolsProfile: {Without: notNeeded, Packages: []string{"coreutils", "dash", "mawk", "nftables"}},
	}
}

// machinePrograms says where the release's programs are in a machine; network plugins go to pluginDir.
var machinePrograms = map[string]string{
	"kubelet": "usr/bin", "kubectl": "usr/bin", "containerd": "usr/bin", "containerd-shim-runc-v2": "usr/bin", "ctr": "usr/bin",
	"runc": "usr/bin", "etcdctl": "usr/bin", "etcdutl": "usr/bin",
}

const (
	pluginPrefix = "cni/"
	pluginDir    = "opt/cni/bin"
)

// requiredPrograms are those that the building itself uses, or no machine works without.
var requiredPrograms = []string{"kubelet", "containerd", "containerd-shim-runc-v2", "ctr", "runc"}

// machinePath returns where a program is in a machine, or "" for one that only container images have.
func machinePath(name string) string {
	if plugin, ok := strings.CutPrefix(name, pluginPrefix); ok {
		return path.Join(pluginDir, plugin)
	}
	if dir, ok := machinePrograms[name]; ok {
		return path.Join(dir, name)
	}
	return ""
}

// machineDirs are directories that a machine expects and no package or program brings. They are named below /usr where base
// has a link, which a directory would hide.
var machineDirs = []string{
	"etc/cni/net.d", "etc/containerd", "etc/kubernetes/manifests", "opt/cni/bin", "usr/libexec/kubernetes/kubelet-plugins/volume/exec",
	"var/lib/containerd", "var/lib/etcd", "var/lib/kubelet", "var/log/containers", "var/log/pods", "run", "usr/lib/modules",
}

// recipe says what is in a component's image, as far as it matters outside of it: where upstream's manifests expect the
// programs, and what those need beside them.
type recipe struct {
	layers     []programLayer
	tools      bool // the tools of toolsProfile, in a layer of its own
	certs      bool // certificates of public authorities, for a program that asks servers outside
	entrypoint []string
	user       string
}

// programLayer is a layer of programs, in one directory. Components that name the same layer share it.
type programLayer struct {
	dir   string
	names []string
}

// kubeLayer is the one program that is all of Kubernetes, under all its names.
var kubeLayer = programLayer{"usr/local/bin", []string{"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler"}}

// recipes are the images of a cluster. Those of Kubernetes have no entrypoint that does the work: manifests name the program,
// which is found in the PATH.
var recipes = map[string]recipe{
	"kube-apiserver":          {layers: []programLayer{kubeLayer}, entrypoint: []string{"kube-apiserver"}},
	"kube-controller-manager": {layers: []programLayer{kubeLayer}, entrypoint: []string{"kube-controller-manager"}},
	"kube-scheduler":          {layers: []programLayer{kubeLayer}, entrypoint: []string{"kube-scheduler"}},
	"kube-proxy":              {layers: []programLayer{kubeLayer}, tools: true, entrypoint: []string{"kube-proxy"}},
	"etcd": {
		layers: []programLayer{{"usr/local/bin", []string{"etcd", "etcdctl", "etcdutl"}}}, entrypoint: []string{"etcd"},
	},
	"coredns": {layers: []programLayer{{"", []string{"coredns"}}}, certs: true, entrypoint: []string{"/coredns"}, user: "65532:65532"},
	"pause":   {layers: []programLayer{{"", []string{"pause"}}}, entrypoint: []string{"/pause"}, user: "65535:65535"},
	"flannel": {layers: []programLayer{{"opt/bin", []string{"flanneld"}}}, tools: true, entrypoint: []string{"/opt/bin/flanneld"}},
}

// Components returns the names of the components that images can be made of, sorted.
func Components() []string { return slices.Sorted(maps.Keys(recipes)) }

func (r recipe) programs() []string {
	var names []string
	for _, l := range r.layers {
		names = append(names, l.names...)
	}
	return names
}
