package manifest

import (
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// probePort is the name of the port that probes ask.
const probePort = "probe-port"

// health is where a component says how it is.
type health struct {
	host   string
	port   int32
	scheme corev1.URIScheme
}

func (h health) ports() []corev1.ContainerPort {
	return []corev1.ContainerPort{{Name: probePort, ContainerPort: h.port, Protocol: corev1.ProtocolTCP}}
}

// live allows about a minute and a half of silence: 10 s + 8 failures × 10 s.
func (h health) live(path string) *corev1.Probe { return h.probe(path, 10, 10, 8) }

// ready asks each second, because whoever waits for the control plane looks at it.
func (h health) ready(path string) *corev1.Probe { return h.probe(path, 0, 1, 3) }

// started gives the component as long as whoever set it up waits for it.
func (h health) started(path string, limit time.Duration) *corev1.Probe {
	const period = 10
	return h.probe(path, period, period, int32(math.Ceil(limit.Seconds()/period)))
}

func (h health) probe(path string, delay, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Host: h.host, Path: path, Port: intstr.FromString(probePort), Scheme: h.scheme,
		}},
		InitialDelaySeconds: delay,
		TimeoutSeconds:      15,
		PeriodSeconds:       period,
		FailureThreshold:    failures,
	}
}

// bindAddress is where a component that listens on the loopback address unless told otherwise can be asked. An unspecified
// address cannot be asked; an empty host makes the kubelet use the pod's.
func bindAddress(extra []kubeadm.Arg) string {
	host, ok := kubeadm.Value(extra, "bind-address")
	switch {
	case !ok:
		return "127.0.0.1"
	case host == "0.0.0.0" || host == "::":
		return ""
	}
	return host
}

func startupLimit(in *kubeadm.Init) time.Duration {
	return in.Timeouts.ControlPlaneComponentHealthCheck.Duration
}
