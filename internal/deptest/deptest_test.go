// Package deptest holds the import bans of this repository, each with its reason. Imports run downhill (ARCHITECTURE.md):
// a package may import those of lower layers, never its siblings or what lies above.
package deptest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/slipway-dev/slipway/"

// layers from the bottom to the top. Packages of one line do not import each other.
var layers = [][]string{
	{"api", "plan"},
	{"pki", "host", "release", "config"},
	{"etcd", "addon", "image", "engine"},
	{"node"},
	{"infra"},
	{"controller", "cluster"},
	{"manager"},
	{"internal/cli", "cmd"},
}

type ban struct {
	pkg, mustNot, because string
}

var bans = []ban{
	{"", "k8s.io/kubernetes", "upstream's programs are compiled under dist/, each module on its own; nothing links them"},
	{"", "sigs.k8s.io/controller-runtime", "no controller exists yet, and libraries run where there is no API server"},
	{"plan", "k8s.io/", "a plan knows nothing of clusters"},
	{"node", "github.com/spf13/cobra", "libraries know nothing of the command line"},
	{"addon", "github.com/spf13/cobra", "libraries know nothing of the command line"},
	{"engine", "github.com/spf13/cobra", "libraries know nothing of the command line"},
	{"image", "github.com/spf13/cobra", "libraries know nothing of the command line"},
	{"release", "github.com/spf13/cobra", "libraries know nothing of the command line"},
	{"cluster", "github.com/spf13/cobra", "libraries know nothing of the command line"},
	{"engine", "k8s.io/", "the engine runs machines; what runs in them is not its concern"},
	{"node/agent", "k8s.io/", "a machine's first process stays small"},
	{"image", "k8s.io/", "an image is files; it is built where no cluster is known"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsRunDownhill(t *testing.T) {
	for _, p := range packages(t) {
		from, name := layerOf(p.ImportPath)
		if from < 0 {
			continue
		}
		for _, imp := range p.Imports {
			to, other := layerOf(imp)
			if to > from || (to == from && other != name) {
				t.Errorf("%s imports %s: imports run downhill and not sideways; declare a small interface and be handed it", p.ImportPath, imp)
			}
		}
	}
}

func TestBans(t *testing.T) {
	for _, p := range packages(t) {
		for _, b := range bans {
			if !within(strings.TrimPrefix(p.ImportPath, module), b.pkg) {
				continue
			}
			for _, imp := range p.Imports {
				if strings.HasPrefix(imp, b.mustNot) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, b.because)
				}
			}
		}
	}
}

// layerOf returns the layer of a package and the name it has there, or -1 for one outside the layers.
func layerOf(path string) (int, string) {
	rel, ours := strings.CutPrefix(path, module)
	if !ours {
		return -1, ""
	}
	for i, layer := range layers {
		for _, name := range layer {
			if within(rel, name) {
				if i == len(layers)-1 {
					name = "the command line" // cmd and internal/cli are one
				}
				return i, name
			}
		}
	}
	return -1, ""
}

func within(path, dir string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir+"/")
}
