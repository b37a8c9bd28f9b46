package release

import (
	"path"
	"slices"
	"strings"
)

// Module is one directory under dist/ and what is compiled from it.
type Module struct {
	// Dir is the directory's name, such as "runtime".
	Dir    string
	Builds []Build
}

func (m Module) needsGo() bool {
	return slices.ContainsFunc(m.Builds, func(b Build) bool { return !b.C })
}

func (m Module) needsC() bool {
	return slices.ContainsFunc(m.Builds, func(b Build) bool { return b.C || b.Cgo })
}

// Build is one run of a compiler: files that are compiled with the same settings.
type Build struct {
	// Outputs are the executables: Go packages, or C files when C is set.
	Outputs []Output
	// Stamps are string variables set by the linker for Go, macros for C: how a program knows its version.
	Stamps map[string]string
	// Tags are Go build tags.
	Tags []string
	// Cgo links with the C library, statically. Without it a Go program needs no C compiler and no C library.
	Cgo bool
	// C compiles C sources, statically linked and for size.
	C bool
}

// Output is one executable file and the programs it is.
type Output struct {
	// From is a Go import path or, for C, a file in the module's directory.
	From     string
	Programs []Place
}

// Place is a program's name and where upstream installs it.
type Place struct{ Name, Path string }

// file is the name that the compiler gives to the executable: for Go the last element of the import path that is no major
// version, as in go.etcd.io/etcd/server/v3.
func (o Output) file() string {
	base := path.Base(o.From)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(o.From))
	}
	return strings.TrimSuffix(base, ".c")
}

// Modules returns what has to be compiled for a supported version.
func Modules(s Supported) []Module {
	return []Module{kubernetesModule(s), runtimeModule(s), etcdModule(), coreDNSModule(), flannelModule(s), pauseModule(s)}
}

const ours = "github.com/slipway-dev/slipway/dist/"

// kubernetesModule makes one file that is six programs.
func kubernetesModule(s Supported) Module {
	dir := "kubernetes-" + s.Kubernetes.Line()
	return Module{Dir: dir, Builds: []Build{{
		Outputs: []Output{{From: ours + dir, Programs: in("/usr/local/bin",
			"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")}},
		Stamps: kubernetesStamps(s.Kubernetes),
	}}}
}

func kubernetesStamps(v Version) map[string]string {
	major, minor, _ := strings.Cut(v.Line(), ".")
	const version = "k8s.io/component-base/version."
	return map[string]string{version + "gitVersion": v.String(), version + "gitMajor": major, version + "gitMinor": minor, version + "gitTreeState": "clean"}
}

// TestModule is what benchmarks and end-to-end tests compile besides a release: upstream's kubeadm and agnhost.
func TestModule(s Supported) Module {
	const kubernetes = "k8s.io/kubernetes/"
	return Module{Dir: "testing", Builds: []Build{{
		Outputs: each("/usr/local/bin", kubernetes+"cmd/kubeadm", kubernetes+"test/images/agnhost"),
		Stamps:  kubernetesStamps(s.Kubernetes),
	}}}
}

func runtimeModule(s Supported) Module {
	const containerd = "github.com/containerd/containerd/v2/"
	const plugins = "github.com/containernetworking/plugins/"
	return Module{Dir: "runtime", Builds: []Build{
		{
			Outputs: each("/usr/local/bin", containerd+"cmd/containerd", containerd+"cmd/containerd-shim-runc-v2", containerd+"cmd/ctr"),
			Stamps:  map[string]string{containerd + "version.Version": s.Components[Containerd]},
		},
		{
			Outputs: each("/usr/local/sbin", "github.com/opencontainers/runc"),
			Stamps:  map[string]string{"main.version": strings.TrimPrefix(s.Components[Runc], "v")},
			Tags:    []string{"seccomp", "netgo", "osusergo"},
			Cgo:     true, // libseccomp, and the C that enters namespaces before the Go runtime starts
		},
		{
			Outputs: each("/opt/cni/bin", plugins+"plugins/ipam/host-local", plugins+"plugins/main/bridge", plugins+"plugins/main/loopback",
				plugins+"plugins/main/ptp", plugins+"plugins/meta/firewall", plugins+"plugins/meta/portmap"),
			Stamps: map[string]string{plugins + "pkg/utils/buildversion.BuildVersion": s.Components[CNIPlugins]},
		},
	}}
}

func etcdModule() Module {
	const etcd = "go.etcd.io/etcd/"
	outputs := each("/usr/local/bin", etcd+"etcdctl/v3", etcd+"etcdutl/v3")
	outputs = append(outputs, Output{From: etcd + "server/v3", Programs: in("/usr/local/bin", "etcd")})
	return Module{Dir: "etcd", Builds: []Build{{Outputs: outputs}}}
}

func coreDNSModule() Module {
	return Module{Dir: "coredns", Builds: []Build{{Outputs: []Output{{From: ours + "coredns", Programs: in("/", "coredns")}}}}}
}

func flannelModule(s Supported) Module {
	return Module{Dir: "flannel", Builds: []Build{{
		Outputs: []Output{{From: ours + "flannel", Programs: in("/opt/bin", "flanneld")}},
		Stamps:  map[string]string{"main.version": s.Components[Flannel]},
	}}}
}

func pauseModule(s Supported) Module {
	return Module{Dir: "pause", Builds: []Build{{
		Outputs: []Output{{From: "pause.c", Programs: in("/", "pause")}},
		Stamps:  map[string]string{"VERSION": s.Components[Pause]},
		C:       true,
	}}}
}

// in places programs in a directory.
func in(dir string, names ...string) []Place {
	var all []Place
	for _, name := range names {
		all = append(all, Place{Name: name, Path: path.Join(dir, name)})
	}
	return all
}

// each makes one output of each package, called as the package is.
func each(dir string, packages ...string) []Output {
	var all []Output
	for _, p := range packages {
		o := Output{From: p}
		o.Programs = in(dir, o.file())
		all = append(all, o)
	}
	return all
}
