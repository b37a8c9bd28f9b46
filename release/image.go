package release

import (
	"fmt"
	"strings"
)

// Image returns the reference by which upstream's manifests name the image of a component: an image of ours stands in for
// theirs under this name. The components are kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, Etcd,
// CoreDNS, Pause and Flannel; the reference of any other is empty.
func (r Release) Image(component string) string {
	return imageOf(r.Kubernetes, r.Components, component)
}

func imageOf(kubernetes Version, components map[string]string, component string) string {
	switch component {
	case "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy":
		return fmt.Sprintf("registry.k8s.io/%s:%s", component, kubernetes)
	}
	version, ok := components[component]
	if !ok {
		return ""
	}
	switch component {
	case Etcd: // the images are numbered by packaging, beginning with 0
		return "registry.k8s.io/etcd:" + strings.TrimPrefix(version, "v") + "-0"
	case CoreDNS:
		return "registry.k8s.io/coredns/coredns:" + version
	case Pause:
		return "registry.k8s.io/pause:" + version
	case Flannel:
		return "ghcr.io/flannel-io/flannel:" + version
	}
	return ""
}
