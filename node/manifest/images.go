package manifest

import (
	"strings"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// EtcdImageTag is the etcd that kubeadm v1.36 pairs with every minor it sets up.
const EtcdImageTag = "3.6.8-0"

// Image returns the image of a Kubernetes component.
func Image(c *kubeadm.ClusterConfiguration, component string) string {
	tag := strings.ReplaceAll(c.KubernetesVersion, "+", "_") // build metadata, which tags spell otherwise
	return c.ImageRepository + "/" + component + ":" + tag
}

// EtcdImage returns the image of etcd.
func EtcdImage(c *kubeadm.ClusterConfiguration) string {
	repository, tag := c.ImageRepository, EtcdImageTag
	if l := c.Etcd.Local; l != nil {
		if l.ImageRepository != "" {
			repository = l.ImageRepository
		}
		if l.ImageTag != "" {
			tag = l.ImageTag
		}
	}
	return repository + "/" + Etcd + ":" + tag
}
