package manifest

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// The ports of etcd.
const (
	EtcdClientPort  = 2379
	EtcdPeerPort    = 2380
	EtcdMetricsPort = 2381
)

// etcdEndpointAnnotation tells later tools, and other control plane nodes, where this member is.
const etcdEndpointAnnotation = "kubeadm.kubernetes.io/etcd.advertise-client-urls"

func etcd(in *kubeadm.Init) (*corev1.Pod, error) {
	local, certs := in.Cluster.Etcd.Local, in.Cluster.CertificatesDir
	address := in.LocalAPIEndpoint.AdvertiseAddress
	loopback, err := loopback(address)
	if err != nil {
		return nil, err
	}
	client, peer := etcdURL(address, EtcdClientPort), etcdURL(address, EtcdPeerPort)
	name := in.NodeRegistration.Name
	args := arguments{
		"name":                           name,
		"listen-client-urls":             etcdURL(loopback, EtcdClientPort) + "," + client,
		"advertise-client-urls":          client,
		"listen-peer-urls":               peer,
		"initial-advertise-peer-urls":    peer,
		"initial-cluster":                name + "=" + peer,
		"data-dir":                       local.DataDir,
		"cert-file":                      certs + "/etcd/server.crt",
		"key-file":                       certs + "/etcd/server.key",
		"trusted-ca-file":                certs + "/etcd/ca.crt",
		"client-cert-auth":               "true",
		"peer-cert-file":                 certs + "/etcd/peer.crt",
		"peer-key-file":                  certs + "/etcd/peer.key",
		"peer-trusted-ca-file":           certs + "/etcd/ca.crt",
		"peer-client-cert-auth":          "true",
		"snapshot-count":                 "10000",
		"listen-metrics-urls":            "http://" + net.JoinHostPort(loopback, strconv.Itoa(EtcdMetricsPort)),
		"feature-gates":                  "InitialCorruptCheck=true",
		"watch-progress-notify-interval": "5s",
	}
	h := etcdHealth(local.ExtraArgs, loopback)
	p := pod(corev1.Container{
		Name:    Etcd,
		Image:   EtcdImage(&in.Cluster),
		Command: args.command(Etcd, local.ExtraArgs),
		Env:     environment(local.ExtraEnvs),
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("100Mi"),
		}},
		Ports:          h.ports(),
		LivenessProbe:  h.live("/livez"),
		ReadinessProbe: h.ready("/readyz"),
		StartupProbe:   h.started("/readyz", startupLimit(in)),
	}, map[string]string{etcdEndpointAnnotation: client}, mounts{
		"etcd-data":  {host: local.DataDir, inside: local.DataDir, kind: corev1.HostPathDirectoryOrCreate},
		"etcd-certs": {host: certs + "/etcd", inside: certs + "/etcd", kind: corev1.HostPathDirectoryOrCreate},
	})
	slices.Reverse(p.Spec.Containers[0].VolumeMounts) // the data first, as kubeadm has it: patches by index rely on it
	return p, nil
}

// etcdHealth is etcd's metrics listener, the first one when the user names several.
func etcdHealth(extra []kubeadm.Arg, loopback string) health {
	h := health{host: loopback, port: EtcdMetricsPort, scheme: corev1.URISchemeHTTP}
	list, _ := kubeadm.Value(extra, "listen-metrics-urls")
	first, _, _ := strings.Cut(list, ",")
	u, err := url.Parse(first)
	if err != nil || u.Host == "" {
		return h
	}
	if u.Scheme == "https" {
		h.scheme = corev1.URISchemeHTTPS
	}
	if name := u.Hostname(); name != "" {
		h.host = name
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil && port > 0 {
		h.port = int32(port)
	}
	return h
}

// EtcdHealthURL is where the etcd member on this node says whether it serves.
func EtcdHealthURL(in *kubeadm.Init) (string, error) {
	host, err := loopback(in.LocalAPIEndpoint.AdvertiseAddress)
	if err != nil {
		return "", err
	}
	h := etcdHealth(in.Cluster.Etcd.Local.ExtraArgs, host)
	return strings.ToLower(string(h.scheme)) + "://" + net.JoinHostPort(h.host, strconv.Itoa(int(h.port))) + "/readyz", nil
}

func etcdURL(host string, port int) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// loopback is the loopback address of the same family as address.
func loopback(address string) (string, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "", fmt.Errorf("reading the advertise address: %w", err)
	}
	if ip.Unmap().Is4() {
		return "127.0.0.1", nil
	}
	return "::1", nil
}
