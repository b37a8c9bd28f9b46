package phase

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// uploadLifetime is how long uploaded certificates stay: they hold every authority's key.
const uploadLifetime = 2 * time.Hour

const uploadedCerts = "kubeadm-certs"

// UploadCerts puts what control plane nodes share into the cluster, encrypted with the certificate key. A token owns the
// Secret, so that it goes when the token expires.
func UploadCerts() Phase {
	return Phase{Name: "upload-certs", Short: "Upload certificates to " + uploadedCerts, Plan: func(w *World) ([]Step, error) {
		if !w.Options.UploadCerts {
			return nil, nil
		}
		if w.Config.CertificateKey == "" {
			return nil, errors.New("uploading certificates needs a certificate key")
		}
		return []Step{{After: []string{APIAnswers, "certs/"}, Step: plan.Step{
			ID: "upload-certs", Title: "certificates for further control plane nodes", Object: "Secret kube-system/" + uploadedCerts, Action: plan.Run,
			Reason: "asked for with --upload-certs",
			Run:    func(ctx context.Context, _ plan.Reporter) error { return w.uploadCerts(ctx) },
		}}}, nil
	}}
}

func (w *World) uploadCerts(ctx context.Context) error {
	data, err := w.sealedCerts()
	if err != nil {
		return err
	}
	owner, err := w.uploadToken(ctx)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: uploadedCerts, OwnerReferences: []metav1.OwnerReference{owner}},
		Type:       corev1.SecretTypeOpaque,
		Data:       data,
	}
	rules := readable("kubeadm:"+uploadedCerts, metav1.NamespaceSystem, "secrets", uploadedCerts, group(kubeadm.JoinersGroup))
	return w.ensure(ctx, append(rules, secret)...)
}

// uploadToken makes the token whose end is the end of the upload.
func (w *World) uploadToken(ctx context.Context) (metav1.OwnerReference, error) {
	token, err := pki.NewToken(w.Host.Rand())
	if err != nil {
		return metav1.OwnerReference{}, err
	}
	secret := TokenSecret(kubeadm.BootstrapToken{
		Token:       &kubeadm.TokenString{Token: token},
		Description: "Proxy for managing TTL for the kubeadm-certs secret",
		TTL:         &metav1.Duration{Duration: uploadLifetime},
	}, w.Host.Now())
	if err := w.ensure(ctx, secret); err != nil {
		return metav1.OwnerReference{}, err
	}
	c, err := w.client()
	if err != nil {
		return metav1.OwnerReference{}, err
	}
	var there corev1.Secret
	err = w.persist(ctx, func(ctx context.Context) error {
		return c.Get(ctx, "/api/v1/namespaces/"+secret.Namespace+"/secrets/"+secret.Name, &there)
	})
	yes := true
	return metav1.OwnerReference{APIVersion: "v1", Kind: "Secret", Name: there.Name, UID: there.UID, Controller: &yes, BlockOwnerDeletion: &yes}, err
}

// sealedCerts reads and encrypts the shared files, by the names that joining nodes look for.
func (w *World) sealedCerts() (map[string][]byte, error) {
	data := map[string][]byte{}
	for name, file := range w.sharedFiles() {
		if file == "" {
			data[name] = nil // an external etcd that asks for no certificate
			continue
		}
		plain, err := w.Host.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			data[name] = nil // the key of an authority that is kept elsewhere
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", file, err)
		}
		if data[name], err = pki.Seal(w.Host.Rand(), w.Config.CertificateKey, plain); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func (w *World) sharedFiles() map[string]string {
	files := map[string]string{}
	names := []string{"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.pub", "sa.key"}
	if e := w.Config.Cluster.Etcd.External; e != nil {
		files["external-etcd-ca.crt"], files["external-etcd.crt"], files["external-etcd.key"] = e.CAFile, e.CertFile, e.KeyFile
	} else {
		names = append(names, "etcd/ca.crt", "etcd/ca.key")
	}
	for _, name := range names {
		files[strings.ReplaceAll(name, "/", "-")] = w.certPath(name)
	}
	return files
}
