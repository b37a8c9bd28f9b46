package phase

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/pki"
)

// BootstrapToken makes what joining nodes need: tokens, the rules that let their holders in, and the public description of
// the cluster, which the controller manager signs.
func BootstrapToken() Phase {
	return Phase{Name: "bootstrap-token", Short: "Generates bootstrap tokens used to join a node to a cluster", Plan: func(w *World) ([]Step, error) {
		return []Step{
			w.objectStep("bootstrap-token/tokens", "bootstrap tokens", func() ([]apiclient.Object, error) {
				var secrets []apiclient.Object
				for _, t := range w.Config.BootstrapTokens {
					secrets = append(secrets, TokenSecret(t, w.Host.Now()))
				}
				return secrets, nil
			}),
			w.objectStep("bootstrap-token/rules", "rules for joining nodes", func() ([]apiclient.Object, error) { return joinRules(), nil }),
			w.objectStep("bootstrap-token/cluster-info", "cluster information", w.clusterInfo),
		}, nil
	}}
}

// TokenSecret is the Secret by which the cluster knows a token.
func TokenSecret(t kubeadm.BootstrapToken, now time.Time) *corev1.Secret {
	data := map[string][]byte{
		"token-id":     []byte(t.Token.ID),
		"token-secret": []byte(t.Token.Secret),
	}
	if t.Description != "" {
		data["description"] = []byte(t.Description)
	}
	switch {
	case t.Expires != nil:
		data["expiration"] = []byte(t.Expires.UTC().Format(time.RFC3339))
	case t.TTL != nil && t.TTL.Duration > 0:
		data["expiration"] = []byte(now.Add(t.TTL.Duration).UTC().Format(time.RFC3339))
	}
	for _, usage := range t.Usages {
		data["usage-bootstrap-"+usage] = []byte("true")
	}
	if len(t.Groups) > 0 {
		data["auth-extra-groups"] = []byte(strings.Join(t.Groups, ","))
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "bootstrap-token-" + t.Token.ID},
		Type:       corev1.SecretTypeBootstrapToken,
		Data:       data,
	}
}

// clusterInfo is readable by anyone: where the cluster is and by which authority it is recognised.
func (w *World) clusterInfo() ([]apiclient.Object, error) {
	ca, err := w.Host.ReadFile(w.certPath("ca.crt"))
	if err != nil {
		return nil, err
	}
	data, err := pki.EncodeClusterInfo(w.Config.ControlPlaneURL(), ca)
	if err != nil {
		return nil, err
	}
	rules := readable("kubeadm:bootstrap-signer-clusterinfo", metav1.NamespacePublic, "configmaps", "cluster-info", user("system:anonymous"))
	return append([]apiclient.Object{configMap(metav1.NamespacePublic, "cluster-info", "kubeconfig", data)}, rules...), nil
}
