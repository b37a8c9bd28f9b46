package apiclient_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/apiclient/apitest"
	"github.com/slipway-dev/slipway/pki"
)

func connect(t *testing.T, s *apitest.Server) *apiclient.Client {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Request{CommonName: "kubernetes"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(rand.Reader, now, pki.Request{CommonName: "me", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.EncodeKey(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pki.Kubeconfig{Cluster: "c", User: "me", Server: "https://10.5.0.2:6443", CA: pki.EncodeCert(ca.Cert), Cert: pki.EncodeCert(pair.Cert), Key: key}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c, err := apiclient.New(data, "", s.Transport)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func clusterInfo(value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"}, Data: map[string]string{"kubeconfig": value}}
}

func TestEnsureWritesOnlyDifferences(t *testing.T) {
	s := &apitest.Server{}
	s.Start()
	c := connect(t, s)
	for _, value := range []string{"a", "a", "b", "b"} {
		if err := c.Ensure(t.Context(), clusterInfo(value)); err != nil {
			t.Fatal(err)
		}
	}
	at := "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	if want := []string{"create " + at, "replace " + at}; !slices.Equal(s.Writes(), want) {
		t.Errorf("wrote %v", s.Writes())
	}
}

func TestEnsureKeepsWhatOthersAdded(t *testing.T) {
	s := &apitest.Server{}
	s.Start()
	c := connect(t, s)
	at := "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	s.Put(at, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "cluster-info", "namespace": "kube-public", "labels": map[string]any{"theirs": "1"}},
		"data":     map[string]any{"jws-kubeconfig-abcdef": "signature", "kubeconfig": "old"},
	})
	if err := c.Ensure(t.Context(), clusterInfo("new")); err != nil {
		t.Fatal(err)
	}
	data := s.Object(at)["data"].(map[string]any)
	labels := s.Object(at)["metadata"].(map[string]any)["labels"].(map[string]any)
	if data["jws-kubeconfig-abcdef"] != "signature" || data["kubeconfig"] != "new" || labels["theirs"] != "1" {
		t.Errorf("got %v", s.Object(at))
	}
}

func TestErrorsSayWhetherTryingAgainMayHelp(t *testing.T) {
	s := &apitest.Server{}
	c := connect(t, s)
	err := c.Ensure(t.Context(), clusterInfo("a"))
	if err == nil || !apiclient.IsTransient(err) {
		t.Errorf("a server that is not there: %v", err)
	}
	s.Start()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "not-yet", Name: "x"}}
	if err := c.Ensure(t.Context(), role); !apiclient.IsTransient(err) || !apiclient.IsNotFound(err) {
		t.Errorf("a namespace that is not there yet: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Get(ctx, "/livez", nil); apiclient.IsTransient(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was given up: %v", err)
	}
}

func TestUpdateNodeLeavesANodeAloneThatIsAsItShouldBe(t *testing.T) {
	s := &apitest.Server{}
	s.Start()
	s.Put("/api/v1/nodes/a", map[string]any{"metadata": map[string]any{"name": "a", "labels": map[string]any{"theirs": "1"}}})
	c := connect(t, s)
	for range 2 {
		err := c.UpdateNode(t.Context(), "a", func(n *corev1.Node) { n.Labels["ours"] = "" })
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Writes()) != 1 {
		t.Errorf("wrote %v", s.Writes())
	}
	labels := s.Object("/api/v1/nodes/a")["metadata"].(map[string]any)["labels"].(map[string]any)
	if labels["ours"] != "" || labels["theirs"] != "1" {
		t.Errorf("labels: %v", labels)
	}
}
