package manifest

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// The ports on which the controller manager and the scheduler say how they are.
const (
	ControllerManagerPort = 10257
	SchedulerPort         = 10259
)

func controllerManager(in *kubeadm.Init, f Facts) *corev1.Pod {
	const kubeconfig = "/etc/kubernetes/controller-manager.conf"
	c, certs := &in.Cluster, in.Cluster.CertificatesDir
	args := arguments{
		"authentication-kubeconfig":        kubeconfig,
		"authorization-kubeconfig":         kubeconfig,
		"bind-address":                     "127.0.0.1",
		"client-ca-file":                   certs + "/ca.crt",
		"cluster-name":                     c.ClusterName,
		"cluster-signing-cert-file":        certs + "/ca.crt",
		"cluster-signing-key-file":         certs + "/ca.key",
		"controllers":                      "*,bootstrapsigner,tokencleaner",
		"kubeconfig":                       kubeconfig,
		"leader-elect":                     "true",
		"requestheader-client-ca-file":     certs + "/front-proxy-ca.crt",
		"root-ca-file":                     certs + "/ca.crt",
		"service-account-private-key-file": certs + "/sa.key",
		"use-service-account-credentials":  "true",
	}
	if f.ExternalCA {
		args["cluster-signing-cert-file"], args["cluster-signing-key-file"] = "", ""
	}
	if n := c.Networking; n.PodSubnet != "" {
		args["allocate-node-cidrs"] = "true"
		args["cluster-cidr"] = n.PodSubnet
		args["service-cluster-ip-range"] = n.ServiceSubnet
	}
	m := mounts{}
	m.certificates(certs, f)
	m.share("kubeconfig", kubeconfig, corev1.HostPathFileOrCreate)
	h := health{host: bindAddress(c.ControllerManager.ExtraArgs), port: ControllerManagerPort, scheme: corev1.URISchemeHTTPS}
	return pod(corev1.Container{
		Name:          ControllerManager,
		Image:         Image(c, ControllerManager),
		Command:       args.command(ControllerManager, c.ControllerManager.ExtraArgs),
		Env:           environment(f.Proxy, c.ControllerManager.ExtraEnvs),
		Resources:     requests("200m"),
		Ports:         h.ports(),
		LivenessProbe: h.live("/healthz"),
		StartupProbe:  h.started("/healthz", startupLimit(in)),
	}, nil, m.extra(c.ControllerManager.ExtraVolumes))
}

func scheduler(in *kubeadm.Init, f Facts) *corev1.Pod {
	const kubeconfig = "/etc/kubernetes/scheduler.conf"
	c := &in.Cluster
	args := arguments{
		"authentication-kubeconfig": kubeconfig,
		"authorization-kubeconfig":  kubeconfig,
		"bind-address":              "127.0.0.1",
		"kubeconfig":                kubeconfig,
		"leader-elect":              "true",
	}
	m := mounts{}
	m.share("kubeconfig", kubeconfig, corev1.HostPathFileOrCreate)
	h := health{host: bindAddress(c.Scheduler.ExtraArgs), port: SchedulerPort, scheme: corev1.URISchemeHTTPS}
	return pod(corev1.Container{
		Name:           Scheduler,
		Image:          Image(c, Scheduler),
		Command:        args.command(Scheduler, c.Scheduler.ExtraArgs),
		Env:            environment(f.Proxy, c.Scheduler.ExtraEnvs),
		Resources:      requests("100m"),
		Ports:          h.ports(),
		LivenessProbe:  h.live("/livez"),
		ReadinessProbe: h.ready("/readyz"),
		StartupProbe:   h.started("/livez", startupLimit(in)),
	}, nil, m.extra(c.Scheduler.ExtraVolumes))
}

func requests(cpu string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
}
