package release

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
)

// officialFile is a file on one of the official sites: a program, or an archive with several.
type officialFile struct {
	kubernetes bool // on the Kubernetes site, else on GitHub
	path       string
	sums       string // the path of the file with its checksum
	program    Place
	programs   map[string]Place // by their path in the archive
}

func (f officialFile) base(d Download) string {
	base, official := d.GitHub, officialGitHub
	if f.kubernetes {
		base, official = d.Kubernetes, officialKubernetes
	}
	if base == "" {
		return official
	}
	return strings.TrimSuffix(base, "/")
}

// officialFiles lists what to download for a version, the site that is most likely to be out of reach first.
func officialFiles(s Supported, arch string) []officialFile {
	var all []officialFile
	for _, p := range in("/usr/local/bin", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet") {
		file := fmt.Sprintf("/release/%s/bin/linux/%s/%s", s.Kubernetes, arch, p.Name)
		all = append(all, officialFile{kubernetes: true, path: file, sums: file + ".sha256", program: p})
	}
	number := func(component string) string { return strings.TrimPrefix(s.Components[component], "v") }
	onGitHub := func(repository, component, file, sums string) officialFile {
		dir := "/" + repository + "/releases/download/" + s.Components[component] + "/"
		return officialFile{path: dir + file, sums: dir + sums}
	}

	dir := fmt.Sprintf("etcd-%s-linux-%s", s.Components[Etcd], arch)
	etcd := onGitHub("etcd-io/etcd", Etcd, dir+".tar.gz", "SHA256SUMS")
	etcd.programs = within(dir, in("/usr/local/bin", "etcd", "etcdctl", "etcdutl"))

	file := fmt.Sprintf("containerd-static-%s-linux-%s.tar.gz", number(Containerd), arch)
	containerd := onGitHub("containerd/containerd", Containerd, file, file+".sha256sum")
	containerd.programs = within("bin", in("/usr/local/bin", "containerd", "containerd-shim-runc-v2", "ctr"))

	runc := onGitHub("opencontainers/runc", Runc, "runc."+arch, "runc.sha256sum")
	runc.program = in("/usr/local/sbin", "runc")[0]

	file = fmt.Sprintf("cni-plugins-linux-%s-%s.tgz", arch, s.Components[CNIPlugins])
	cni := onGitHub("containernetworking/plugins", CNIPlugins, file, file+".sha256")
	cni.programs = within("", in("/opt/cni/bin", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp"))

	file = fmt.Sprintf("coredns_%s_linux_%s.tgz", number(CoreDNS), arch)
	coreDNS := onGitHub("coredns/coredns", CoreDNS, file, file+".sha256")
	coreDNS.programs = within("", in("/", "coredns"))

	return append(all, etcd, containerd, runc, cni, coreDNS)
}

// within maps the path that each program has in an archive's directory to its place.
func within(dir string, places []Place) map[string]Place {
	all := map[string]Place{}
	for _, p := range places {
		all[path.Join(dir, p.Name)] = p
	}
	return all
}

// checksumOf finds a file's SHA-256 in a checksum file: either a lone checksum or lines of checksum and file name, as
// sha256sum writes them.
func checksumOf(text []byte, file string) (digest.Digest, error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || len(fields[0]) != 64 {
			continue // a signature or a comment around the list
		}
		sum, err := hex.DecodeString(fields[0])
		if err != nil {
			continue
		}
		if len(fields) == 1 || path.Base(strings.TrimPrefix(fields[1], "*")) == file {
			return digest.NewDigestFromBytes(digest.SHA256, sum), nil
		}
	}
	return "", fmt.Errorf("the published checksums do not name %q", file)
}
