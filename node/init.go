// Package node turns a machine into a node of a cluster and, later, keeps and changes it. It observes a machine through a
// host.Host and plans; the plan's steps do the rest. Layout on disk and in the cluster are kubeadm's. It refuses to install
// software: kubelet, container runtime and images are the machine image's business. The DNS and proxy addons are not
// installed here either, whatever the configuration says of them: they are applied from outside.
package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/manifest"
	"github.com/slipway-dev/slipway/node/patch"
	"github.com/slipway-dev/slipway/node/phase"
	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// InitPhases are the phases of init in the order in which they are planned. Steps run as soon as what they need is done,
// most of them at the same time.
func InitPhases() []phase.Phase {
	return []phase.Phase{
		phase.Preflight(),
		phase.Certs(),
		phase.Kubeconfig(),
		phase.Etcd(),
		phase.ControlPlane(),
		phase.KubeletStart(),
		phase.EtcdAnswers(),
		phase.LateAPIServer(),
		phase.API(),
		phase.LateControllers(),
		phase.ClusterAdmins(),
		phase.UploadConfig(),
		phase.UploadCerts(),
		phase.MarkControlPlane(),
		phase.BootstrapToken(),
		phase.KubeletFinalize(),
		phase.Healthy(),
	}
}

// InitOptions are the choices for init that are no part of the configuration file.
type InitOptions struct {
	phase.Options
	// SkipPhases names phases, or single steps such as "certs/apiserver", to leave out.
	SkipPhases []string
	// Only names the phases or steps to plan, and nothing else; empty means all.
	Only []string
	// Environment is where proxy settings for the components come from, as os.Environ gives it.
	Environment []string
}

// Init is a planned init.
type Init struct {
	// Plan has the steps that this machine needs.
	Plan plan.Plan
	// Config is the configuration, complete with what was taken from the machine and made at random.
	Config *kubeadm.Init
	world  *phase.World
}

// PlanInit says what it takes to make the machine the first control plane node of a cluster as c asks for. It changes
// nothing. Repeating it after an interruption, or after success, gives a plan with what is left to do.
func PlanInit(ctx context.Context, h host.Host, c *kubeadm.Config, o InitOptions) (*Init, error) {
	facts, err := Observe(ctx, h)
	if err != nil {
		return nil, err
	}
	in, err := c.Complete(facts)
	if err != nil {
		return nil, err
	}
	if o.UploadCerts && in.CertificateKey == "" {
		if in.CertificateKey, err = pki.NewCertificateKey(h.Rand()); err != nil {
			return nil, err
		}
	}
	skip := append(slices.Clone(o.SkipPhases), in.SkipPhases...)
	skipAddons(&in.Cluster, skip)
	w, err := newWorld(h, in, o)
	if err != nil {
		return nil, err
	}
	p, err := phase.Build("init "+in.NodeRegistration.Name, w, InitPhases(), skip)
	if err != nil {
		return nil, err
	}
	if len(o.Only) > 0 {
		p = only(p, o.Only)
	}
	return &Init{Plan: p, Config: in, world: w}, nil
}

// skipAddons notes in the cluster's configuration that addons were not wanted, so that upgrades do not bring them.
func skipAddons(c *kubeadm.ClusterConfiguration, skip []string) {
	all := slices.Contains(skip, "addon")
	c.DNS.Disabled = c.DNS.Disabled || all || slices.Contains(skip, "addon/coredns")
	c.Proxy.Disabled = c.Proxy.Disabled || all || slices.Contains(skip, "addon/kube-proxy")
}

func newWorld(h host.Host, in *kubeadm.Init, o InitOptions) (*phase.World, error) {
	w := &phase.World{Host: h, Config: in, Options: o.Options, ResolvConf: resolvConf(h)}
	if w.Options.Warn == nil {
		w.Options.Warn = func(string) {}
	}
	for _, n := range in.Notes {
		w.Options.Warn(n.String())
	}
	dir := ""
	if in.Patches != nil {
		dir = in.Patches.Directory
	}
	var ignored []string
	var err error
	if w.Patches, ignored, err = patch.Load(h, dir); err != nil {
		return nil, err
	}
	if len(ignored) > 0 {
		w.Options.Warn("no patches, by their names: " + strings.Join(ignored, ", "))
	}
	w.Machine = manifest.Facts{Proxy: proxySettings(o.Environment), CADirectories: existing(h, manifest.ExtraCADirectories())}
	w.Machine.ExternalCA, err = w.ExternalCA()
	return w, err
}

// only keeps the named steps and those of named phases. What they need and is left out counts as done: whoever asks for a
// single phase says so.
func only(p plan.Plan, names []string) plan.Plan {
	kept := map[string]bool{}
	steps := slices.DeleteFunc(slices.Clone(p.Steps), func(s plan.Step) bool {
		named, _, _ := strings.Cut(s.ID, "/")
		kept[s.ID] = slices.Contains(names, s.ID) || slices.Contains(names, named)
		return !kept[s.ID]
	})
	for i := range steps {
		steps[i].Needs = slices.DeleteFunc(slices.Clone(steps[i].Needs), func(id string) bool { return !kept[id] })
		if steps[i].Needs == nil {
			steps[i].Needs = []string{}
		}
	}
	return plan.Plan{Name: p.Name, Steps: steps}
}

// JoinCommand is how further machines join, once the plan has been applied. It holds secrets.
type JoinCommand struct {
	// Worker is the command line for a worker.
	Worker string
	// ControlPlane is the one for a control plane node; empty when the cluster has no control plane endpoint, without which
	// it cannot have a second one.
	ControlPlane string
	// UploadedCerts says that the certificates that ControlPlane needs are in the cluster.
	UploadedCerts bool
}

// JoinCommand returns the commands for the first bootstrap token.
func (i *Init) JoinCommand() (JoinCommand, error) {
	if len(i.Config.BootstrapTokens) == 0 {
		return JoinCommand{}, errors.New("the configuration has no bootstrap token")
	}
	file := i.Config.Cluster.CertificatesDir + "/ca.crt"
	ca, err := i.world.Host.ReadFile(file)
	if err != nil {
		return JoinCommand{}, fmt.Errorf("reading the certificate authority: %w", err)
	}
	worker, err := joinCommand(i.Config.ControlPlaneURL(), ca, i.Config.BootstrapTokens[0].Token.String())
	if err != nil {
		return JoinCommand{}, err
	}
	j := JoinCommand{Worker: worker, UploadedCerts: i.world.Options.UploadCerts}
	if i.Config.Cluster.ControlPlaneEndpoint != "" {
		j.ControlPlane = worker + " --control-plane"
		if j.UploadedCerts {
			j.ControlPlane += " --certificate-key " + i.Config.CertificateKey
		}
	}
	return j, nil
}

func withoutScheme(url string) string { return strings.TrimPrefix(url, "https://") }
