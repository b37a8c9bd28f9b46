package kubeproxy

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// configuration is the part of kubeproxy.config.k8s.io/v1alpha1 that we decide; kube-proxy defaults the rest. Upstream's type is
// not used because its package brings the whole of component-base, with the metrics library, into every program.
type configuration struct {
	APIVersion       string           `json:"apiVersion"`
	Kind             string           `json:"kind"`
	BindAddress      string           `json:"bindAddress"`
	ClientConnection clientConnection `json:"clientConnection"`
	ClusterCIDR      string           `json:"clusterCIDR"`
	Conntrack        conntrack        `json:"conntrack"`
	MetricsAddress   string           `json:"metricsBindAddress"`
	Mode             string           `json:"mode"`
}

type clientConnection struct {
	Kubeconfig string `json:"kubeconfig"`
}

// conntrack leaves MaxPerCore out for kube-proxy's default; zero means that the limit is not touched.
type conntrack struct {
	MaxPerCore *int32 `json:"maxPerCore,omitempty"`
}

const kubeconfigKey = "kubeconfig.conf"

func configMap(v Values) (*corev1.ConfigMap, error) {
	config, err := document(v)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := yaml.Marshal(kubeconfigOf(v))
	if err != nil {
		return nil, fmt.Errorf("writing its kubeconfig: %w", err)
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app": name}},
		Data:       map[string]string{configKey: string(config), kubeconfigKey: string(kubeconfig)},
	}, nil
}

// document is the configuration that was given, if it is one that this DaemonSet can run, or else ours.
func document(v Values) ([]byte, error) {
	if len(v.Config) == 0 {
		return yaml.Marshal(configurationOf(v))
	}
	var given configuration
	if err := yaml.Unmarshal(v.Config, &given); err != nil {
		return nil, fmt.Errorf("reading its configuration: %w", err)
	}
	ours := configurationOf(v)
	switch {
	case given.APIVersion != ours.APIVersion || given.Kind != ours.Kind:
		return nil, fmt.Errorf("its configuration is a %s %s, not a %s %s", given.APIVersion, given.Kind, ours.APIVersion, ours.Kind)
	case given.Mode != ours.Mode:
		return nil, fmt.Errorf("its configuration asks for mode %q; here it runs in mode %q only", given.Mode, ours.Mode)
	case given.ClientConnection != ours.ClientConnection:
		return nil, fmt.Errorf("its configuration has its kubeconfig at %q; it is mounted at %q", given.ClientConnection.Kubeconfig, ours.ClientConnection.Kubeconfig)
	}
	return v.Config, nil
}

func configurationOf(v Values) configuration {
	c := configuration{
		APIVersion:       "kubeproxy.config.k8s.io/v1alpha1",
		Kind:             "KubeProxyConfiguration",
		BindAddress:      "0.0.0.0", // says only which address family is the first; nothing is bound to it
		ClientConnection: clientConnection{Kubeconfig: configDir + "/" + kubeconfigKey},
		ClusterCIDR:      v.ClusterCIDR,
		MetricsAddress:   "127.0.0.1:10249", // scraped by nobody yet; a port that answers anybody is not worth having
		Mode:             "nftables",
	}
	if first, _, _ := strings.Cut(v.ClusterCIDR, ","); strings.Contains(first, ":") {
		c.BindAddress, c.MetricsAddress = "::", "[::1]:10249"
	}
	if !v.TuneHost {
		c.Conntrack.MaxPerCore = new(int32(0))
	}
	return c
}

// kubeconfigOf leads to the API by its own address: kube-proxy is what makes the Service's address work. The credentials are
// those of its pod.
func kubeconfigOf(v Values) clientcmdv1.Config {
	const account = "/var/run/secrets/kubernetes.io/serviceaccount"
	return clientcmdv1.Config{
		APIVersion:     "v1",
		Kind:           "Config",
		Clusters:       []clientcmdv1.NamedCluster{{Name: "default", Cluster: clientcmdv1.Cluster{CertificateAuthority: account + "/ca.crt", Server: v.APIEndpoint}}},
		Contexts:       []clientcmdv1.NamedContext{{Name: "default", Context: clientcmdv1.Context{Cluster: "default", Namespace: "default", AuthInfo: "default"}}},
		CurrentContext: "default",
		AuthInfos:      []clientcmdv1.NamedAuthInfo{{Name: "default", AuthInfo: clientcmdv1.AuthInfo{TokenFile: account + "/token"}}},
	}
}
