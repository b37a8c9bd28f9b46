package manifest

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// apiServerEndpointAnnotation tells later tools where this API server is.
const apiServerEndpointAnnotation = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"

func apiServer(in *kubeadm.Init, f Facts) (*corev1.Pod, error) {
	c, endpoint := &in.Cluster, in.LocalAPIEndpoint
	args := apiServerArguments(c.CertificatesDir)
	args["advertise-address"] = endpoint.AdvertiseAddress
	args["secure-port"] = strconv.Itoa(int(endpoint.BindPort))
	args["service-cluster-ip-range"] = c.Networking.ServiceSubnet
	args["service-account-issuer"] = "https://kubernetes.default.svc." + c.Networking.DNSDomain
	if err := args.etcd(in); err != nil {
		return nil, err
	}
	if _, structured := kubeadm.Value(c.APIServer.ExtraArgs, "authorization-config"); !structured {
		args["authorization-mode"] = "Node,RBAC"
	}
	m := mounts{}
	m.certificates(c.CertificatesDir, f)
	if c.Etcd.External != nil {
		m.externalEtcd(c.Etcd.External, c.CertificatesDir)
	}
	h := health{host: probeHost(endpoint.AdvertiseAddress), port: endpoint.BindPort, scheme: corev1.URISchemeHTTPS}
	return pod(corev1.Container{
		Name:           APIServer,
		Image:          Image(c, APIServer),
		Command:        args.command(APIServer, c.APIServer.ExtraArgs),
		Env:            environment(f.Proxy, c.APIServer.ExtraEnvs),
		Resources:      requests("250m"),
		Ports:          h.ports(),
		LivenessProbe:  h.live("/livez"),
		ReadinessProbe: h.ready("/readyz"),
		StartupProbe:   h.started("/livez", startupLimit(in)),
	}, map[string]string{apiServerEndpointAnnotation: endpoint.HostPort()}, m.extra(c.APIServer.ExtraVolumes)), nil
}

// apiServerArguments are those that depend on nothing but the certificate directory.
func apiServerArguments(certs string) arguments {
	return arguments{
		"allow-privileged":                   "true",
		"client-ca-file":                     certs + "/ca.crt",
		"enable-admission-plugins":           "NodeRestriction",
		"enable-bootstrap-token-auth":        "true",
		"kubelet-client-certificate":         certs + "/apiserver-kubelet-client.crt",
		"kubelet-client-key":                 certs + "/apiserver-kubelet-client.key",
		"kubelet-preferred-address-types":    "InternalIP,ExternalIP,Hostname",
		"proxy-client-cert-file":             certs + "/front-proxy-client.crt",
		"proxy-client-key-file":              certs + "/front-proxy-client.key",
		"requestheader-allowed-names":        "front-proxy-client",
		"requestheader-client-ca-file":       certs + "/front-proxy-ca.crt",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"service-account-key-file":           certs + "/sa.pub",
		"service-account-signing-key-file":   certs + "/sa.key",
		"tls-cert-file":                      certs + "/apiserver.crt",
		"tls-private-key-file":               certs + "/apiserver.key",
	}
}

// etcd points the API server at the member beside it, or at the external cluster.
func (args arguments) etcd(in *kubeadm.Init) error {
	c := &in.Cluster
	if e := c.Etcd.External; e != nil {
		args["etcd-servers"] = strings.Join(e.Endpoints, ",")
		if e.CAFile != "" {
			args["etcd-cafile"] = e.CAFile
		}
		if e.CertFile != "" {
			args["etcd-certfile"], args["etcd-keyfile"] = e.CertFile, e.KeyFile
		}
		return nil
	}
	host, err := loopback(in.LocalAPIEndpoint.AdvertiseAddress)
	if err != nil {
		return err
	}
	args["etcd-servers"] = etcdURL(host, EtcdClientPort)
	if urls, ok := kubeadm.Value(c.Etcd.Local.ExtraArgs, "advertise-client-urls"); ok {
		args["etcd-servers"] = urls
	}
	args["etcd-cafile"] = c.CertificatesDir + "/etcd/ca.crt"
	args["etcd-certfile"] = c.CertificatesDir + "/apiserver-etcd-client.crt"
	args["etcd-keyfile"] = c.CertificatesDir + "/apiserver-etcd-client.key"
	return nil
}

func probeHost(address string) string {
	if address == "" {
		return "127.0.0.1"
	}
	return address
}
