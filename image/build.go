package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-dev/slipway/image/debian"
	"github.com/slipway-dev/slipway/plan"
)

// Current says which image the options mean and whether it is in the store. It takes milliseconds and no network: an
// existing lock of the base packages is taken as it is. Without one the digest is empty and nothing is built.
func Current(o Options) (Machine, error) {
	b, err := newBuilder(o)
	if err != nil {
		return Machine{}, err
	}
	return b.current()
}

// Plan returns what Build would do: a step for each part that is not in the store yet. It changes nothing. Its steps are for
// Build, which holds the store's lock while they run; on their own they do not.
func Plan(o Options) (plan.Plan, error) {
	b, err := newBuilder(o)
	if err != nil {
		return plan.Plan{}, err
	}
	return b.plan()
}

// Build makes the image that the options mean, as far as it is not there yet. It is safe to repeat after any interruption;
// of two builds in one store one waits for the other. Making the container state needs root.
func Build(ctx context.Context, o Options, report plan.Reporter) (machine Machine, err error) {
	if err := o.validate(); err != nil {
		return Machine{}, err
	}
	unlock, err := waitLock(ctx, store{o.Store}.builderLock(), report)
	if err != nil {
		return Machine{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := (store{o.Store}).sweepUnfinished(); err != nil {
		return Machine{}, err
	}
	b, err := newBuilder(o)
	if err != nil {
		return Machine{}, err
	}
	p, err := b.plan()
	if err != nil {
		return Machine{}, err
	}
	if err := (plan.Executor{Report: forward(report)}).Apply(ctx, p); err != nil {
		return Machine{}, fmt.Errorf("building the machine image: %w", err)
	}
	b.Update = false // done
	machine, err = b.current()
	if err == nil && !p.Empty() {
		report.Became(machine.String(), "built")
	}
	return machine, err
}

// forward turns the events of the parts into progress of the whole.
func forward(report plan.Reporter) plan.Reporter {
	return func(ev plan.Event) {
		switch ev.Phase {
		case plan.Started:
			report.Say(ev.Title)
		case plan.Progressed:
			report.Count(ev.Current, ev.Total, ev.Unit, ev.Title+": "+ev.Message)
		}
	}
}

// builder makes one image.
type builder struct {
	Options
	store
	agentDigest string
	lock        debian.Lock
	locked      bool
	clientOnce  sync.Once
	client      *debian.Client
}

func newBuilder(o Options) (*builder, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	b := &builder{Options: o, store: store{o.Store}}
	var err error
	if b.agentDigest, err = (digestCache{b.digestCache()}).of(o.Agent); err != nil {
		return nil, fmt.Errorf("reading the agent's program: %w", err)
	}
	b.lock, b.locked, err = b.readLock(o.Arch)
	return b, err
}

// inputs are known once the base packages are locked.
func (b *builder) inputs() inputs { return newInputs(b.Options, b.lock, b.agentDigest) }

func (b *builder) current() (Machine, error) {
	if !b.locked || b.Update {
		return Machine{Name: "node/" + b.Kubernetes}, nil
	}
	machine := b.inputs().machine(b.store)
	image, err := b.readImage(machine.Digest)
	machine.Built = image.Built
	return machine, err
}

// The IDs of the plan's steps.
const (
	stepPackages = "image/packages"
	stepBase     = "image/base"
	stepTools    = "image/tools"
	stepRelease  = "image/release"
	stepAgent    = "image/agent"
	stepState    = "image/state"
	stepRecord   = "image/record"
)

// part is a directory of the image that is kept under a digest of its own.
type part struct {
	id, title string
	path      func(inputs) string // its final path
	fixed     bool                // its digest does not depend on the packages
	make      func(ctx context.Context, dir string, report plan.Reporter) error
	needs     []string
}

// parts is the image's table of contents.
func (b *builder) parts() []part {
	return []part{
		{stepBase, "base packages", func(in inputs) string { return b.layer(in.base()) }, false, b.makeBase, []string{stepPackages}},
		{stepTools, "tools of container images", func(in inputs) string { return b.layer(in.tools()) }, false, b.makeTools, []string{stepBase}},
		{stepRelease, "release", func(in inputs) string { return b.layer(in.release()) }, true, b.makeRelease, nil},
		{stepAgent, "agent", func(in inputs) string { return b.layer(in.agent()) }, true, b.makeAgent, nil},
		{stepState, "container images", func(in inputs) string { return b.state(in.state()) }, false, b.makeState, []string{stepBase, stepTools}},
	}
}

func (b *builder) plan() (plan.Plan, error) {
	p := plan.Plan{Name: "machine image node/" + b.Kubernetes}
	resolve := !b.locked || b.Update
	if machine, err := b.current(); err != nil || machine.Built && !resolve {
		return p, err
	}
	if resolve {
		p.Steps = append(p.Steps, b.resolveStep())
	}
	for _, part := range b.parts() {
		object, reason := objectOf(part.path(b.inputs())), "it is not in the store"
		if resolve && !part.fixed {
			object, reason = "", "the base packages are chosen first; it is kept if they stay the same"
		} else if isDir(part.path(b.inputs())) {
			continue
		}
		p.Steps = append(p.Steps, plan.Step{
			ID: part.id, Title: part.title, Object: object, Action: plan.Create, Reason: reason, Needs: among(part.needs, p.Steps),
			Disruption: plan.NoDisruption,
			Run:        func(ctx context.Context, report plan.Reporter) error { return b.run(ctx, part, report) },
		})
	}
	p.Steps = append(p.Steps, plan.Step{
		ID: stepRecord, Title: "record", Object: "image.json", Action: plan.Create, Reason: "the image is complete", Disruption: plan.NoDisruption,
		Needs: ids(p.Steps), Run: func(context.Context, plan.Reporter) error { return b.record() },
	})
	return p, nil
}

// objectOf shortens the path of a part to what tells it from others, like "layers/6d14e213aad4".
func objectOf(path string) string {
	return filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)[:12]
}

// among returns those of the needed steps that are in the plan, as a list that is never nil.
func among(needs []string, steps []plan.Step) []string {
	there := []string{}
	for _, s := range steps {
		for _, need := range needs {
			if s.ID == need {
				there = append(there, need)
			}
		}
	}
	return there
}

func ids(steps []plan.Step) []string {
	all := []string{}
	for _, s := range steps {
		all = append(all, s.ID)
	}
	return all
}

// run makes a part under a temporary name and gives it its own when it is complete.
func (b *builder) run(ctx context.Context, part part, report plan.Reporter) error {
	final := part.path(b.inputs())
	if isDir(final) {
		return nil
	}
	if err := makePrivate(filepath.Dir(final)); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(final), unfinished+"*")
	if err != nil {
		return err
	}
	err = os.Chmod(dir, 0o755)
	if err == nil {
		err = part.make(ctx, dir, report)
	}
	if err == nil {
		err = flush(dir) // or after a power failure the name could be there without the files
	}
	if err == nil {
		err = os.Rename(dir, final)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", part.title, err), os.RemoveAll(dir))
	}
	return nil
}

// makePrivate makes a directory that only its owner can enter, also when it is there already: layers hold programs that run as
// root whoever starts them, and those are for users of machines, not for those of the host.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// record makes the image known, after all of its parts are there.
func (b *builder) record() error {
	in := b.inputs()
	image := Image{
		Machine: Machine{Name: "node/" + b.Kubernetes, Digest: in.image()}, Kubernetes: b.Kubernetes, Arch: b.Arch,
		Packages: map[string]string{}, Programs: in.Programs, Parts: in.parts(),
	}
	for _, p := range b.lock.Packages {
		image.Packages[p.Name] = p.Version
	}
	for _, c := range b.Components {
		image.References = append(image.References, c.Reference)
	}
	return writeJSON(filepath.Join(b.image(in.image()), "image.json"), image)
}
