package pki

import (
	"bytes"
	"errors"
	"fmt"

	clientcmd "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// Kubeconfig is what Kubernetes clients need to reach one cluster as one user.
type Kubeconfig struct {
	Cluster, User string
	// Server is the URL of the API server.
	Server string
	// CA, Cert and Key are PEM. Cert and Key may be empty for a kubeconfig that names no user, such as cluster-info.
	CA, Cert, Key []byte
	// CertFile and KeyFile stand instead of Cert and Key when the client is to read them anew, as the kubelet does.
	CertFile, KeyFile string
}

// Encode renders the kubeconfig as YAML, laid out as kubeadm does it.
func (k Kubeconfig) Encode() ([]byte, error) {
	name := k.User + "@" + k.Cluster
	data, err := yaml.Marshal(clientcmd.Config{
		APIVersion:     "v1",
		Kind:           "Config",
		Clusters:       []clientcmd.NamedCluster{{Name: k.Cluster, Cluster: clientcmd.Cluster{Server: k.Server, CertificateAuthorityData: k.CA}}},
		Contexts:       []clientcmd.NamedContext{{Name: name, Context: clientcmd.Context{Cluster: k.Cluster, AuthInfo: k.User}}},
		CurrentContext: name,
		AuthInfos: []clientcmd.NamedAuthInfo{{Name: k.User, AuthInfo: clientcmd.AuthInfo{
			ClientCertificateData: k.Cert, ClientKeyData: k.Key,
			ClientCertificate: k.CertFile, ClientKey: k.KeyFile,
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("rendering the kubeconfig of %q: %w", k.User, err)
	}
	return data, nil
}

// EncodeClusterInfo renders a kubeconfig that only says where the cluster is and how to recognise it. It is what
// joining machines read before they have an identity.
func EncodeClusterInfo(server string, ca []byte) ([]byte, error) {
	return yaml.Marshal(clientcmd.Config{
		APIVersion: "v1",
		Kind:       "Config",
		Clusters:   []clientcmd.NamedCluster{{Cluster: clientcmd.Cluster{Server: server, CertificateAuthorityData: ca}}},
	})
}

// DecodeKubeconfig reads the cluster and user of a kubeconfig's current context.
func DecodeKubeconfig(data []byte) (Kubeconfig, error) {
	var c clientcmd.Config
	if err := yaml.Unmarshal(data, &c); err != nil {
		return Kubeconfig{}, errors.New("it is no kubeconfig") // the parser's error would quote secrets
	}
	for _, x := range c.Contexts {
		if x.Name != c.CurrentContext {
			continue
		}
		k := Kubeconfig{Cluster: x.Context.Cluster, User: x.Context.AuthInfo}
		return k, k.fill(c)
	}
	return Kubeconfig{}, fmt.Errorf("it has no context %q", c.CurrentContext)
}

func (k *Kubeconfig) fill(c clientcmd.Config) error {
	found := 0
	for _, x := range c.Clusters {
		if x.Name == k.Cluster {
			k.Server, k.CA = x.Cluster.Server, x.Cluster.CertificateAuthorityData
			found++
		}
	}
	for _, x := range c.AuthInfos {
		if x.Name == k.User {
			k.Cert, k.Key = x.AuthInfo.ClientCertificateData, x.AuthInfo.ClientKeyData
			k.CertFile, k.KeyFile = x.AuthInfo.ClientCertificate, x.AuthInfo.ClientKey
			found++
		}
	}
	if found < 2 {
		return errors.New("its context names a cluster or user that it does not have")
	}
	return nil
}

// Trusts reports whether the kubeconfig trusts the authority.
func (k Kubeconfig) Trusts(ca []byte) bool {
	return bytes.Equal(bytes.TrimSpace(k.CA), bytes.TrimSpace(ca))
}
