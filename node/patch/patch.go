// Package patch applies kubeadm's patches: files in a directory, named target[suffix][+strategic|merge|json].yaml or .json,
// that change what is rendered for one node. It refuses names it cannot read rather than passing over them in silence.
package patch

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/host"
)

// The targets beside the static pods, which are called by their names.
const (
	KubeletConfiguration = "kubeletconfiguration"
	CoreDNSDeployment    = "corednsdeployment"
)

// Targets lists everything that can be patched.
func Targets() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", KubeletConfiguration, CoreDNSDeployment}
}

// Set holds the patches of a directory in the order in which they apply: by file name.
type Set struct {
	patches []patch
}

type patch struct {
	file, target, kind string
	documents          [][]byte // JSON
}

// Load reads the patches of a directory. An empty name is an empty set; files of other kinds, such as a README, are
// passed over, and returned so that a misspelt one does not go unnoticed.
func Load(h host.Host, dir string) (set Set, ignored []string, err error) {
	if dir == "" {
		return Set{}, nil, nil
	}
	entries, err := h.ReadDir(dir)
	if err != nil {
		return Set{}, nil, fmt.Errorf("reading the patches directory %q: %w", dir, err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		target, kind, err := parseName(entry.Name())
		switch {
		case err != nil:
			return Set{}, nil, fmt.Errorf("patch %q: %w", entry.Name(), err)
		case target == "":
			ignored = append(ignored, entry.Name())
			continue
		}
		p, err := read(h, path.Join(dir, entry.Name()))
		if err != nil {
			return Set{}, nil, fmt.Errorf("patch %q: %w", entry.Name(), err)
		}
		set.patches = append(set.patches, patch{file: entry.Name(), target: target, kind: kind, documents: p})
	}
	return set, ignored, nil
}

var namePattern = regexp.MustCompile(`^([^+]*?)(?:\+([^.]*))?\.(json|yaml)$`)

// parseName reads target and kind of a file name; an empty target means that the file is no patch.
func parseName(name string) (target, kind string, err error) {
	m := namePattern.FindStringSubmatch(name)
	if m == nil {
		return "", "", nil
	}
	i := slices.IndexFunc(Targets(), func(t string) bool { return strings.HasPrefix(m[1], t) })
	if i < 0 {
		return "", "", nil
	}
	switch kind = m[2]; kind {
	case "strategic", "merge", "json":
	case "":
		if strings.Contains(name, "+") {
			return "", "", errors.New("its name says no kind after the +: strategic, merge or json")
		}
		kind = "strategic"
	default:
		return "", "", fmt.Errorf("unknown kind %q: use strategic, merge or json", kind)
	}
	return Targets()[i], kind, nil
}

func read(h host.Host, file string) ([][]byte, error) {
	data, err := h.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var docs [][]byte
	for doc := range bytes.SplitSeq(append([]byte("\n"), data...), []byte("\n---")) {
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		js, err := yaml.YAMLToJSON(doc)
		if err != nil {
			return nil, err
		}
		if string(js) != "null" {
			docs = append(docs, js)
		}
	}
	return docs, nil
}

// Has reports whether the set changes the target.
func (s Set) Has(target string) bool {
	return slices.ContainsFunc(s.patches, func(p patch) bool { return p.target == target })
}

// Apply changes a JSON or YAML document by the patches for the target and returns it as JSON. schema is an empty value of
// the object's type, from which strategic patches learn how lists merge.
func (s Set) Apply(target string, document []byte, schema any) ([]byte, error) {
	data, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	for _, p := range s.patches {
		if p.target != target {
			continue
		}
		for _, doc := range p.documents {
			if data, err = apply(p.kind, data, doc, schema); err != nil {
				return nil, fmt.Errorf("applying patch %q to %s: %w", p.file, target, err)
			}
		}
	}
	return data, nil
}

// Strategic applies one strategic merge patch.
func Strategic(document, change []byte, schema any) ([]byte, error) {
	return strategicpatch.StrategicMergePatch(document, change, schema)
}

func apply(kind string, data, doc []byte, schema any) ([]byte, error) {
	switch kind {
	case "json":
		operations, err := jsonpatch.DecodePatch(doc)
		if err != nil {
			return nil, err
		}
		return operations.Apply(data)
	case "merge":
		return jsonpatch.MergePatch(data, doc)
	}
	return Strategic(data, doc, schema)
}
