// Package phase holds the parts of making a node, one file each, under kubeadm's names. A phase observes the machine and says
// which steps are needed; it changes nothing before its steps run. Steps say what they come after, and run at the same time
// as everything else.
package phase

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/manifest"
	"github.com/slipway-dev/slipway/node/patch"
	"github.com/slipway-dev/slipway/plan"
)

// Where things are on a node.
const (
	kubernetesDir = "/etc/kubernetes"
	kubeletDir    = "/var/lib/kubelet"
)

// World is what the phases of one node look at. Build prepares it; after that it is only read.
type World struct {
	Host   host.Host
	Config *kubeadm.Init
	// Machine are the facts that static pods take from the machine.
	Machine manifest.Facts
	Patches patch.Set
	// ResolvConf is where the kubelet is to find name servers, or empty for its default.
	ResolvConf string
	Options    Options

	rendered struct {
		manifests map[string]file // by component
		kubelet   []file
		shared    []byte // the configuration of all kubelets
	}
	// client talks to the node's own API server; it is made when the first step needs it.
	client func() (*apiclient.Client, error)
}

// render makes the files that several phases look at.
func (w *World) render() (err error) {
	if w.rendered.manifests, err = w.manifests(); err != nil {
		return err
	}
	if w.rendered.shared, err = w.sharedKubeletConfig(); err != nil {
		return err
	}
	w.rendered.kubelet, err = w.kubeletFiles()
	return err
}

// Options are the choices that the configuration file has no place for.
type Options struct {
	// IgnorePreflight names checks whose errors are to be warnings.
	IgnorePreflight []string
	// UploadCerts puts the encrypted certificates into the cluster for further control plane nodes.
	UploadCerts bool
	// ControllersLater starts controller manager and scheduler only when the API server answers, so that they do not compete
	// with it for the processor and do not fail for want of it.
	ControllersLater bool
	// APIServerLater starts the API server only when etcd answers: the API server tries at once to reach it, and again only
	// after a second.
	APIServerLater bool
	// RegisterWithin restarts the kubelet once when it has not registered the node so long after the API server answers; 0
	// leaves it alone. A kubelet that was refused tries again after pauses that double up to 7 s, and has nothing to lose by
	// starting anew.
	RegisterWithin time.Duration
	// Poll is how often a component that is starting is asked; 0 means DefaultPoll.
	Poll time.Duration
	// Transport carries requests to the components; nil means the network.
	Transport apiclient.Transport
	// Warn is told what a user should know but that is no reason to stop; nil drops it.
	Warn func(string)
}

// DefaultPoll is the pause between two questions to a component that is starting. A refused connection costs microseconds,
// and half of the pause is what init loses on average.
const DefaultPoll = 50 * time.Millisecond

// Phase is one part of making a node.
type Phase struct {
	// Name is kubeadm's.
	Name string
	// Short says what the phase does.
	Short string
	// Plan returns the steps that are needed on this machine. Its errors are what a user must mend first.
	Plan func(w *World) ([]Step, error)
}

// Step is a step of a plan before the plan is put together.
type Step struct {
	plan.Step
	// After lists the steps that come first, where they are needed at all: IDs, or beginnings of IDs that end in "/".
	After []string
}

// Build puts the phases' steps together, leaving out phases and steps that skip names.
func Build(name string, w *World, phases []Phase, skip []string) (plan.Plan, error) {
	if err := w.render(); err != nil {
		return plan.Plan{}, err
	}
	w.client = sync.OnceValues(w.admin)
	p := plan.Plan{Name: name}
	for _, ph := range phases {
		if slices.Contains(skip, ph.Name) {
			continue
		}
		steps, err := ph.Plan(w)
		if err != nil {
			return plan.Plan{}, fmt.Errorf("phase %s: %w", ph.Name, err)
		}
		for _, s := range steps {
			if slices.Contains(skip, s.ID) {
				continue
			}
			s.Needs = []string{}
			for _, earlier := range p.Steps {
				if slices.ContainsFunc(s.After, func(a string) bool { return matches(a, earlier.ID) }) {
					s.Needs = append(s.Needs, earlier.ID)
				}
			}
			p.Steps = append(p.Steps, s.Step)
		}
	}
	return p, nil
}

func matches(after, id string) bool {
	return after == id || strings.HasSuffix(after, "/") && strings.HasPrefix(id, after)
}

// file is one that a node is to have.
type file struct {
	path    string
	content []byte
	mode    fs.FileMode
	// secret content is never shown in a plan.
	secret bool
}

// write makes a file with its directory. Directories get the modes that kubeadm gives them, whichever step comes first.
func (w *World) write(f file) error {
	dir := path.Dir(f.path)
	if below(dir, kubernetesDir) {
		if err := w.Host.MkdirAll(kubernetesDir, 0o755); err != nil {
			return fmt.Errorf("making %q: %w", kubernetesDir, err)
		}
	}
	mode := fs.FileMode(0o755)
	if dir == manifest.Directory || dir == kubeletDir {
		mode = 0o700
	}
	if err := w.Host.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("making the directory of %q: %w", f.path, err)
	}
	if err := w.Host.WriteFile(f.path, f.content, f.mode); err != nil {
		return fmt.Errorf("writing %q: %w", f.path, err)
	}
	return nil
}

func below(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// fileStep returns the step that brings files up to date, or none when they are.
func (w *World) fileStep(s plan.Step, files ...file) []plan.Step {
	s.Action = ""
	var diff strings.Builder
	var reasons []string
	for _, f := range files {
		before, err := w.Host.ReadFile(f.path)
		switch {
		case err != nil:
			reasons = append(reasons, f.path+" "+whyUnread(err))
			if s.Action == "" {
				s.Action = plan.Create
			}
		case string(before) != string(f.content):
			reasons = append(reasons, f.path+" differs from what the configuration asks for")
			s.Action = plan.Change
			if !f.secret {
				diff.WriteString(lineDiff(f.path, string(before), string(f.content)))
			}
		}
	}
	if s.Action == "" {
		return nil
	}
	s.Object, s.Reason, s.Diff = files[len(files)-1].path, strings.Join(reasons, "; "), diff.String()
	s.Run = func(context.Context, plan.Reporter) error {
		for _, f := range files {
			if err := w.write(f); err != nil {
				return err
			}
		}
		return nil
	}
	return []plan.Step{s}
}

// whyUnread says why a file that is to be written could not be compared with what it is to be.
func whyUnread(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "does not exist"
	}
	return "cannot be read: " + err.Error()
}

// lineDiff shows the lines that went and came. Rendered files keep their order, so counting lines is enough.
func lineDiff(name, before, after string) string {
	count := map[string]int{}
	for line := range strings.Lines(before) {
		count[line]++
	}
	var came strings.Builder
	for line := range strings.Lines(after) {
		if count[line]--; count[line] < 0 {
			came.WriteString("+ " + line)
		}
	}
	var went strings.Builder
	for line := range strings.Lines(before) {
		if count[line] > 0 {
			count[line]--
			went.WriteString("- " + line)
		}
	}
	return name + "\n" + went.String() + came.String()
}

func (w *World) warn(format string, args ...any) {
	if w.Options.Warn != nil {
		w.Options.Warn(fmt.Sprintf(format, args...))
	}
}
