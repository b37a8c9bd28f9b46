package phase

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/node/manifest"
	"github.com/slipway-dev/slipway/plan"
)

// manifestID is kubeadm's name of the phase that writes a component's manifest.
func manifestID(component string) string {
	switch component {
	case manifest.Etcd:
		return "etcd/local"
	case manifest.APIServer:
		return "control-plane/apiserver"
	case manifest.ControllerManager:
		return "control-plane/controller-manager"
	}
	return "control-plane/scheduler"
}

// manifestNeeds lists what must be on disk before the kubelet may start a component: one that starts without it would end,
// and be started again only after a pause of seconds.
func (w *World) manifestNeeds(component string) []string {
	needs := []string{"preflight"}
	switch component {
	case manifest.Etcd:
		return append(needs, "certs/etcd-ca", "certs/etcd-server", "certs/etcd-peer", "certs/etcd-healthcheck-client")
	case manifest.APIServer:
		return append(needs, "certs/", etcdAnswers)
	case manifest.ControllerManager:
		needs = append(needs, "certs/", "kubeconfig/controller-manager")
	default:
		needs = append(needs, "kubeconfig/scheduler")
	}
	if w.Options.ControllersLater {
		needs = append(needs, APIAnswers)
	}
	return needs
}

// Etcd writes the manifest of the etcd member on this node.
func Etcd() Phase {
	return Phase{Name: "etcd", Short: "Generate static Pod manifest file for local etcd", Plan: func(w *World) ([]Step, error) {
		return w.planManifests(manifest.Etcd)
	}}
}

// ControlPlane writes the manifests of the control plane, save those that are to start later.
func ControlPlane() Phase {
	return Phase{Name: "control-plane", Short: "Generate all static Pod manifest files necessary to establish the control plane", Plan: func(w *World) ([]Step, error) {
		var components []string
		if !w.apiServerLater() {
			components = append(components, manifest.APIServer)
		}
		if !w.Options.ControllersLater {
			components = append(components, manifest.ControllerManager, manifest.Scheduler)
		}
		return w.planManifests(components...)
	}}
}

// LateAPIServer writes the API server's manifest when it is to start after etcd.
func LateAPIServer() Phase {
	return Phase{Name: "control-plane", Short: "Generate the manifest of what starts after etcd", Plan: func(w *World) ([]Step, error) {
		if !w.apiServerLater() {
			return nil, nil
		}
		return w.planManifests(manifest.APIServer)
	}}
}

// LateControllers writes the manifests of controller manager and scheduler when they are to start after the API server.
func LateControllers() Phase {
	return Phase{Name: "control-plane", Short: "Generate the manifests of what starts after the API server", Plan: func(w *World) ([]Step, error) {
		if !w.Options.ControllersLater {
			return nil, nil
		}
		return w.planManifests(manifest.ControllerManager, manifest.Scheduler)
	}}
}

func (w *World) apiServerLater() bool {
	return w.Options.APIServerLater && w.Config.Cluster.Etcd.Local != nil
}

func (w *World) planManifests(components ...string) ([]Step, error) {
	var steps []Step
	for _, component := range components {
		f, ok := w.rendered.manifests[component]
		if !ok {
			continue
		}
		for _, s := range w.fileStep(plan.Step{ID: manifestID(component), Title: "manifest " + component, Disruption: plan.RestartsComponent}, f) {
			if component == manifest.Etcd {
				write := s.Run
				s.Run = func(ctx context.Context, r plan.Reporter) error {
					if err := w.Host.MkdirAll(w.Config.Cluster.Etcd.Local.DataDir, 0o700); err != nil {
						return fmt.Errorf("making etcd's directory: %w", err)
					}
					return write(ctx, r)
				}
			}
			if s.Action == plan.Create {
				s.Disruption = plan.NoDisruption
			}
			steps = append(steps, Step{Step: s, After: w.manifestNeeds(component)})
		}
	}
	return steps, nil
}

// manifests returns the manifest files as they are to be, patches applied.
func (w *World) manifests() (map[string]file, error) {
	pods, err := manifest.Pods(w.Config, w.Machine)
	if err != nil {
		return nil, err
	}
	files := map[string]file{}
	for _, pod := range pods {
		data, err := w.patched(pod)
		if err != nil {
			return nil, err
		}
		files[pod.Name] = file{path: manifest.Path(pod.Name), content: data, mode: secretMode}
	}
	return files, nil
}

func (w *World) patched(pod *corev1.Pod) ([]byte, error) {
	data, err := manifest.Encode(pod)
	if err != nil || !w.Patches.Has(pod.Name) {
		return data, err
	}
	changed, err := w.Patches.Apply(pod.Name, data, corev1.Pod{})
	if err != nil {
		return nil, err
	}
	var result corev1.Pod
	if err := yaml.UnmarshalStrict(changed, &result); err != nil {
		return nil, fmt.Errorf("the patches for %s do not give a Pod: %w", pod.Name, err)
	}
	return manifest.Encode(&result)
}

// unchangedManifests names the components whose manifests are on disk as they are to be.
func (w *World) unchangedManifests() map[string]bool {
	same := map[string]bool{}
	for component, f := range w.rendered.manifests {
		data, err := w.Host.ReadFile(f.path)
		same[component] = err == nil && string(data) == string(f.content)
	}
	return same
}
