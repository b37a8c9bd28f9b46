package phase

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"

	kubelet "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/config"
	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/manifest"
	"github.com/slipway-dev/slipway/node/patch"
	"github.com/slipway-dev/slipway/plan"
)

// restartMarker is there from before the kubelet's configuration changes until it has been restarted, so that an interruption
// in between is not taken for a kubelet that runs with what is on disk.
const restartMarker = kubeletDir + "/.restart"

// KubeletStart writes the kubelet's configuration and starts it, as soon as there is something for it to start.
func KubeletStart() Phase {
	return Phase{Name: "kubelet-start", Short: "Write kubelet settings and (re)start the kubelet", Plan: planKubeletStart}
}

func planKubeletStart(w *World) ([]Step, error) {
	var steps []Step
	reason := "the kubelet is not running"
	marker := file{path: restartMarker, content: []byte("The kubelet has not been restarted since its configuration changed.\n"), mode: publicMode}
	for _, s := range w.fileStep(plan.Step{ID: "kubelet-start/config", Title: "kubelet configuration"}, w.rendered.kubelet...) {
		write := s.Run
		s.Run = func(ctx context.Context, r plan.Reporter) error {
			if err := w.write(marker); err != nil {
				return err
			}
			return write(ctx, r)
		}
		steps = append(steps, Step{Step: s, After: []string{"preflight"}})
		reason = "its configuration changes"
	}
	running, err := w.Host.Listening(w.kubeletHealthPort())
	if err != nil {
		return nil, fmt.Errorf("looking whether the kubelet is running: %w", err)
	}
	_, err = w.Host.Stat(restartMarker)
	if len(steps) == 0 && running && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return append(steps, Step{
		After: []string{"preflight", "certs/", "kubeconfig/kubelet", "etcd/local", "control-plane/apiserver", "kubelet-start/config"},
		Step: plan.Step{
			ID: "kubelet-start", Title: "kubelet", Object: "kubelet.service", Action: plan.Run, Reason: reason, Disruption: plan.RestartsComponent,
			Run: func(ctx context.Context, _ plan.Reporter) error {
				if err := w.restartKubelet(ctx); err != nil {
					return err
				}
				if err := w.Host.Remove(restartMarker); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("removing %q: %w", restartMarker, err)
				}
				return nil
			},
		},
	}), nil
}

// restartKubelet asks the machine's service manager. As with kubeadm, a machine without one is no error: its kubelet is
// kept running by something else, which waits for the configuration that is there now.
func (w *World) restartKubelet(ctx context.Context) error {
	for _, args := range [][]string{{"daemon-reload"}, {"restart", "kubelet"}} {
		_, err := w.Host.Exec(ctx, host.Command{Path: "systemctl", Args: args})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound):
			w.warn("there is no systemctl here: the kubelet must be started by whatever keeps it running")
			return nil
		default:
			w.warn("systemctl %s: %v; going on, the kubelet may be running all the same", strings.Join(args, " "), err)
		}
	}
	return nil
}

// kubeletFiles are the kubelet's arguments, what is about this machine alone, and its whole configuration.
func (w *World) kubeletFiles() ([]file, error) {
	args, err := w.kubeletArguments()
	if err != nil {
		return nil, err
	}
	instance := fmt.Appendf(nil, "containerRuntimeEndpoint: %q\n", w.Config.NodeRegistration.CRISocket)
	whole, err := w.kubeletConfig(instance)
	if err != nil {
		return nil, err
	}
	return []file{
		{path: kubeletDir + "/kubeadm-flags.env", content: args, mode: publicMode},
		{path: kubeletDir + "/instance-config.yaml", content: instance, mode: publicMode},
		{path: kubeletDir + "/config.yaml", content: whole, mode: publicMode},
	}, nil
}

func (w *World) kubeletArguments() ([]byte, error) {
	hostname, err := w.Host.Hostname()
	if err != nil {
		return nil, fmt.Errorf("reading the machine's name: %w", err)
	}
	defaults := map[string]string{}
	if name := w.Config.NodeRegistration.Name; name != strings.ToLower(strings.TrimSpace(hostname)) {
		defaults["hostname-override"] = name
	}
	line := strings.Join(manifest.Arguments(defaults, w.Config.NodeRegistration.KubeletExtraArgs), " ")
	return fmt.Appendf(nil, "KUBELET_KUBEADM_ARGS=%q\n", line), nil
}

// sharedKubeletConfig is what the cluster keeps for all its kubelets.
func (w *World) sharedKubeletConfig() ([]byte, error) {
	c := w.Config.Kubelet.DeepCopy()
	if c.ResolverConfig == nil && w.ResolvConf != "" {
		c.ResolverConfig = &w.ResolvConf
	}
	return config.Render(c)
}

// kubeletConfig is the shared one with this node's patches, and over them what is about this machine alone.
func (w *World) kubeletConfig(instance []byte) ([]byte, error) {
	data, err := w.Patches.Apply(patch.KubeletConfiguration, w.rendered.shared, kubelet.KubeletConfiguration{})
	if err != nil {
		return nil, err
	}
	change, err := yaml.YAMLToJSON(instance)
	if err != nil {
		return nil, err
	}
	if data, err = patch.Strategic(data, change, kubelet.KubeletConfiguration{}); err != nil {
		return nil, fmt.Errorf("merging the kubelet's configuration: %w", err)
	}
	return yaml.JSONToYAML(data)
}

func (w *World) kubeletHealthPort() int {
	if p := w.Config.Kubelet.HealthzPort; p != nil {
		return int(*p)
	}
	return config.KubeletHealthzPort
}

func (w *World) kubeletHealthURL() string {
	return "http://" + w.Config.Kubelet.HealthzBindAddress + ":" + strconv.Itoa(w.kubeletHealthPort()) + "/healthz"
}
