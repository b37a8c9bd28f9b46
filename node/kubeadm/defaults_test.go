package kubeadm_test

import (
	"testing"

	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/release"
)

func TestTheDefaultVersionIsTheNewestOneThatThereIsAReleaseOf(t *testing.T) {
	if newest := release.AllSupported()[0].Kubernetes.String(); kubeadm.DefaultKubernetesVersion != newest {
		t.Errorf("the default is %s, the newest release %s", kubeadm.DefaultKubernetesVersion, newest)
	}
}
