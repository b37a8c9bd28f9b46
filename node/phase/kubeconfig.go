package phase

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// AdminKubeconfig is the kubeconfig for people.
const AdminKubeconfig = kubernetesDir + "/admin.conf"

const superAdminKubeconfig = kubernetesDir + "/super-admin.conf"

// identity is a kubeconfig that a control plane node has.
type identity struct {
	name, user, group string
	// local says that it points to the node's own API server.
	local bool
	// rotates says that its user renews its certificate, which therefore has a file of its own.
	rotates bool
}

func identities(in *kubeadm.Init) []identity {
	return []identity{
		{name: "admin", user: "kubernetes-admin", group: "kubeadm:cluster-admins"},
		{name: "super-admin", user: "kubernetes-super-admin", group: "system:masters"},
		{name: "kubelet", user: "system:node:" + in.NodeRegistration.Name, group: "system:nodes", local: true, rotates: true},
		{name: "controller-manager", user: "system:kube-controller-manager", local: true},
		{name: "scheduler", user: "system:kube-scheduler", local: true},
	}
}

// Kubeconfig makes the kubeconfigs of the administrator, the kubelet and the control plane. The kubelet's points to a
// certificate file that the kubelet itself will renew, so that it need not be restarted later to get there.
func Kubeconfig() Phase {
	return Phase{Name: "kubeconfig", Short: "Generate all kubeconfig files", Plan: planKubeconfigs}
}

func planKubeconfigs(w *World) ([]Step, error) {
	ca, err := w.loadPair("ca")
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, id := range identities(w.Config) {
		action, reason, err := w.judgeKubeconfig(id, ca)
		if err != nil {
			return nil, err
		}
		if action == "" {
			continue
		}
		steps = append(steps, Step{After: []string{"preflight", "certs/ca"}, Step: plan.Step{
			ID: "kubeconfig/" + id.name, Title: "kubeconfig " + id.name, Object: id.path(), Action: action, Reason: reason,
			Run: func(context.Context, plan.Reporter) error { return w.makeKubeconfig(id) },
		}})
	}
	return steps, nil
}

func (id identity) path() string { return kubernetesDir + "/" + id.name + ".conf" }

func (w *World) server(id identity) string {
	if id.local {
		return w.Config.LocalAPIEndpoint.URL()
	}
	return w.Config.ControlPlaneURL()
}

// judgeKubeconfig compares what is on the machine with what is wanted: no action means that it will do.
func (w *World) judgeKubeconfig(id identity, ca pki.Pair) (plan.Action, string, error) {
	data, err := w.Host.ReadFile(id.path())
	if errors.Is(err, fs.ErrNotExist) {
		if ca.Cert != nil && ca.Key == nil {
			return "", "", fmt.Errorf("%s does not exist, and the key of the authority that would sign its certificate is not on this machine: bring the file, or %s", id.path(), w.certPath("ca.key"))
		}
		return plan.Create, id.path() + " does not exist", nil
	}
	if err != nil {
		return "", "", err
	}
	k, err := pki.DecodeKubeconfig(data)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("%s cannot be used: %w", id.path(), err)
	case ca.Cert == nil:
		return "", "", fmt.Errorf("%s exists, but the authority that it trusts does not: bring back %s, or remove the file", id.path(), w.certPath("ca.crt"))
	case !k.Trusts(pki.EncodeCert(ca.Cert)):
		return "", "", fmt.Errorf("%s trusts another certificate authority than %s: remove it, and it is made anew", id.path(), w.certPath("ca.crt"))
	case ca.Key == nil:
		return "", "", nil
	case k.Server != w.server(id):
		return plan.Change, fmt.Sprintf("it points to %s instead of %s", k.Server, w.server(id)), nil
	}
	if reason := w.judgeClient(k, ca); reason != "" {
		return plan.Replace, reason, nil
	}
	return "", "", nil
}

// judgeClient returns why the kubeconfig's certificate cannot go on being used, or "".
func (w *World) judgeClient(k pki.Kubeconfig, ca pki.Pair) string {
	cert := k.Cert
	if k.CertFile != "" {
		data, err := w.Host.ReadFile(k.CertFile)
		if err != nil {
			return "its certificate file " + k.CertFile + " cannot be read"
		}
		cert = data
	}
	certs, err := pki.DecodeCerts(cert)
	if err != nil {
		return "it has no client certificate"
	}
	if err := pki.Check(pki.Pair{Cert: certs[0]}, ca.Cert, pki.Request{}, w.Host.Now()); err != nil {
		return "its client certificate cannot be used: " + err.Error()
	}
	return ""
}

func (w *World) makeKubeconfig(id identity) error {
	ca, err := w.loadPair("ca")
	if err != nil {
		return err
	}
	if ca.Cert == nil {
		return errors.New("the certificate authority does not exist: make it first (phase certs ca)")
	}
	r := pki.Request{
		CommonName: id.user,
		Usages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Algorithm:  w.Config.Cluster.EncryptionAlgorithm,
		Lifetime:   w.Config.Cluster.CertificateValidityPeriod.Duration,
	}
	if id.group != "" {
		r.Organization = []string{id.group}
	}
	pair, err := ca.Issue(w.Host.Rand(), w.Host.Now(), r)
	if err != nil {
		return fmt.Errorf("making kubeconfig %q: %w", id.name, err)
	}
	key, err := pki.EncodeKey(pair.Key)
	if err != nil {
		return err
	}
	k := pki.Kubeconfig{Cluster: w.Config.Cluster.ClusterName, User: id.user, Server: w.server(id), CA: pki.EncodeCert(ca.Cert)}
	k.Cert, k.Key = pki.EncodeCert(pair.Cert), key
	if id.rotates {
		if k.CertFile, err = w.storeClient(append(k.Cert, key...)); err != nil {
			return err
		}
		k.KeyFile, k.Cert, k.Key = k.CertFile, nil, nil
	}
	data, err := k.Encode()
	if err != nil {
		return err
	}
	return w.write(file{path: id.path(), content: data, mode: secretMode})
}

// storeClient puts certificate and key where the kubelet keeps them, in the way it does itself: a file named for the moment,
// and a link to the one in use.
func (w *World) storeClient(pem []byte) (string, error) {
	dir := w.kubeletCertDir()
	if err := w.Host.MkdirAll(kubeletDir, 0o700); err != nil {
		return "", fmt.Errorf("making %q: %w", kubeletDir, err)
	}
	name := path.Join(dir, "kubelet-client-"+w.Host.Now().Format("2006-01-02-15-04-05")+".pem")
	if err := w.write(file{path: name, content: pem, mode: secretMode}); err != nil {
		return "", err
	}
	current := w.kubeletClient()
	if err := w.Host.Symlink(name, current); err != nil {
		return "", fmt.Errorf("linking the kubelet's certificate: %w", err)
	}
	return current, nil
}

func (w *World) kubeletCertDir() string {
	if dir, ok := kubeadm.Value(w.Config.NodeRegistration.KubeletExtraArgs, "cert-dir"); ok {
		return dir
	}
	return kubeletDir + "/pki"
}

func (w *World) kubeletClient() string {
	return path.Join(w.kubeletCertDir(), "kubelet-client-current.pem")
}
