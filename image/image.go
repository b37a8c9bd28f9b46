// Package image makes the machine image: an immutable, versioned root file system of base packages, a Kubernetes release and
// Slipway's agent, and beside it the prepared state of a container runtime that has all of the release's container images
// imported and unpacked.
//
// The image is a stack of directories that serve as lower layers of an overlay, each kept by the digest of what it is made
// of, so that a change rebuilds only what it touches:
//
//	layers/<digest>/    base, tools, release or agent: a root file system, or a part of one
//	states/<digest>/    var/lib/containerd with all container images, made from release and tools
//	images/<digest>/    image.json: which layers and which state make this image
//	debian/             the lock of the base packages, and their cache
//	image.lock          held while the store is changed
//	image-digests.json  digests of files that need not be read again
//
// Everything is made under a temporary name and renamed when it is complete. Programs are hard links to the release's store
// throughout, also within the container state, so that they lie on the disk and in the page cache once. Nothing here
// starts a machine: that is the engine's.
package image

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Program is one program of a release, in a file that is its own forever: the image links to it.
type Program struct {
	// Name is what it is called: "kubelet", or "cni/bridge" for a network plugin. A file that is called by several names is
	// there once for each.
	Name string
	// Digest is "sha256:" and the sum of the file.
	Digest string
	// Path is where the file is, on the same file system as the image store, with mode 0755.
	Path string
}

// Component is a container image that clusters of the release need.
type Component struct {
	// Name says which one: "kube-apiserver", "pause" and so on, see Components.
	Name string
	// Reference is the name that manifests use, like "registry.k8s.io/pause:3.10.1".
	Reference string
}

// Options say which image is wanted.
type Options struct {
	// Store is the directory that holds images; it must be on a real file system, not on an overlay.
	Store string
	// Kubernetes is the release's version, like "v1.36.3".
	Kubernetes string
	// Arch is the machine's architecture as Go and Debian call it, "amd64" or "arm64".
	Arch       string
	Programs   []Program
	Components []Component
	// Agent is the path of the slipway program that runs in the machine.
	Agent string
	// Mirror is the archive to take base packages from, like "http://deb.debian.org/debian" or the same with a suite after a
	// blank. Empty means the one that this host's apt uses.
	Mirror string
	// Keyring is the absolute path of the keys that sign Mirror. Empty means those that this host trusts for any archive.
	Keyring string
	// Update asks the mirror for newer base packages. Without it an existing lock is kept and the network is not needed.
	Update bool
}

// Machine is a machine image in the store, or what it will be.
type Machine struct {
	// Name is for people, like "node/v1.36.3".
	Name string `json:"name"`
	// Digest identifies everything in the image, "" while the base packages have not been resolved.
	Digest string `json:"digest"`
	// LowerDirs are the layers for an overlay's lowerdir option, the uppermost first.
	LowerDirs []string `json:"lowerDirs,omitempty"`
	// StateDir holds what a machine's /var begins with; clone it with CloneState.
	StateDir string `json:"stateDir,omitempty"`
	// Built reports whether all of it is there.
	Built bool `json:"built"`
}

// String is the name with the digest, shortened for people.
func (m Machine) String() string {
	digest := m.Digest
	if len(digest) > 19 {
		digest = digest[:19] // "sha256:" and 12 of 64 digits
	}
	if digest == "" {
		return m.Name
	}
	return m.Name + "@" + digest
}

// architectures are those that Kubernetes and Debian both call by these names.
var architectures = []string{"amd64", "arm64"}

// validate refuses options that could only fail later and worse.
func (o Options) validate() error {
	switch {
	case o.Store == "":
		return errors.New("machine image: no store is given")
	case !slices.Contains(architectures, o.Arch):
		return fmt.Errorf("machine image: architecture %q is not known: it can be %s", o.Arch, strings.Join(architectures, " or "))
	case o.Keyring != "" && !filepath.IsAbs(o.Keyring):
		return fmt.Errorf("machine image: the path of the keyring %q is not absolute", o.Keyring)
	case o.Kubernetes == "":
		return errors.New("machine image: no Kubernetes version is given")
	}
	names := map[string]bool{}
	for _, p := range o.Programs {
		if !filepath.IsLocal(p.Name) || !strings.HasPrefix(p.Digest, "sha256:") || p.Path == "" {
			return fmt.Errorf("machine image: program %q needs a name, a digest and a path", p.Name)
		}
		if names[p.Name] {
			return fmt.Errorf("machine image: program %q is given twice", p.Name)
		}
		names[p.Name] = true
	}
	for _, c := range o.Components {
		if _, ok := recipes[c.Name]; !ok {
			return fmt.Errorf("machine image: there is no component %q: there are %s", c.Name, strings.Join(Components(), ", "))
		}
		if c.Reference == "" {
			return fmt.Errorf("machine image: component %q has no reference", c.Name)
		}
		for _, name := range recipes[c.Name].programs() {
			if !names[name] {
				return fmt.Errorf("machine image: component %q needs the program %q, which the release does not have", c.Name, name)
			}
		}
	}
	for _, name := range requiredPrograms {
		if !names[name] {
			return fmt.Errorf("machine image: the release has no program %q", name)
		}
	}
	return nil
}

// program returns the program of that name; validate has made sure that it is there.
func (o Options) program(name string) Program {
	for _, p := range o.Programs {
		if p.Name == name {
			return p
		}
	}
	return Program{}
}
