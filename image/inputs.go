package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/image/debian"
)

// recipeVersion is part of every digest. It is raised when the same inputs give another result, so that what older
// versions of the program built is not taken for what this one would.
const recipeVersion = 1

// inputs are what an image is made of, as digests. Each part of the image is kept under the digest of its own inputs.
type inputs struct {
	Version    int
	Kubernetes string
	Arch       string
	Packages   string            // digest of the lock
	Programs   map[string]string // digest by name
	Components map[string]string // reference by name
	Agent      string            // digest of the program
	Owner      int               // whose the files are: root's, or a user's who tries things out
}

func newInputs(o Options, lock debian.Lock, agent string) inputs {
	in := inputs{
		Version: recipeVersion, Kubernetes: o.Kubernetes, Arch: o.Arch, Packages: lock.Digest(), Agent: agent, Owner: os.Geteuid(),
		Programs: map[string]string{}, Components: map[string]string{},
	}
	for _, p := range o.Programs {
		in.Programs[p.Name] = p.Digest
	}
	for _, c := range o.Components {
		in.Components[c.Name] = c.Reference
	}
	return in
}

// base is the digest of the packages' layer.
func (in inputs) base() string { return digestOf("base", in.Version, in.Owner, in.Arch, in.Packages) }

// tools is the digest of the layer that component images with tools share.
func (in inputs) tools() string { return digestOf("tools", in.Version, in.Owner, in.Arch, in.Packages) }

// release is the digest of the layer with the release's programs, of those that a machine has.
func (in inputs) release() string {
	programs := map[string]string{}
	for name, digest := range in.Programs {
		if machinePath(name) != "" {
			programs[name] = digest
		}
	}
	return digestOf("release", in.Version, in.Owner, programs, machineDirs)
}

// agent is the digest of the layer with the agent.
func (in inputs) agent() string { return digestOf("agent", in.Version, in.Owner, in.Agent) }

// state is the digest of the container state. It depends on containerd too, whose own the format of the state is.
func (in inputs) state() string {
	programs := map[string]string{"containerd": in.Programs["containerd"]}
	for name := range in.Components {
		for _, program := range recipes[name].programs() {
			programs[program] = in.Programs[program]
		}
	}
	return digestOf("state", in.Version, in.Arch, in.tools(), in.Components, programs)
}

// image is the digest of all.
func (in inputs) image() string {
	return digestOf("image", in.Kubernetes, in.base(), in.release(), in.agent(), in.state())
}

// parts are the digests of all parts.
func (in inputs) parts() Parts {
	return Parts{Base: in.base(), Tools: in.tools(), Release: in.release(), Agent: in.agent(), State: in.state()}
}

// machine describes the image in a store.
func (in inputs) machine(s store) Machine {
	parts := in.parts()
	return Machine{Name: "node/" + in.Kubernetes, Digest: in.image(), StateDir: s.stateDir(parts), LowerDirs: s.layers(parts)}
}

// digestOf hashes values by their JSON, in which maps are sorted.
func digestOf(values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		panic(err) // strings, numbers and maps of strings always marshal
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// validDigest keeps a digest that becomes part of a path from being anything but a digest.
func validDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(digits) == 64 && !slices.ContainsFunc([]byte(digits), func(c byte) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'f')
	})
}
