package phase

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"

	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// Modes of what is in the certificate directory.
const (
	secretMode fs.FileMode = 0o600
	publicMode fs.FileMode = 0o644
)

// Certs makes the authorities, the certificates and the key that signs service account tokens. What is there and valid
// stays. What our own authority signed and is not valid any more, or not for all names, is made anew; what another has
// signed is refused.
func Certs() Phase {
	return Phase{Name: "certs", Short: "Certificate generation", Plan: planCerts}
}

func planCerts(w *World) ([]Step, error) {
	facts, err := w.Config.Facts()
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, p := range pki.Profiles() {
		if p.Etcd && w.Config.Cluster.Etcd.Local == nil {
			continue
		}
		s, err := w.planCert(p, facts)
		if err != nil {
			return nil, fmt.Errorf("certificate %q: %w", p.Name, err)
		}
		steps = append(steps, s...)
	}
	s, err := w.planServiceAccountKey()
	return append(steps, s...), err
}

// planCert returns the step that makes a certificate, or none when the one that is there will do.
func (w *World) planCert(p pki.Profile, facts pki.Facts) ([]Step, error) {
	action, reason, err := w.judge(p, w.request(p, facts))
	if err != nil || action == "" {
		return nil, err
	}
	after := []string{"preflight"}
	if !p.IsAuthority() {
		after = append(after, "certs/"+p.Authority)
	}
	return []Step{{After: after, Step: plan.Step{
		ID: "certs/" + p.Name, Title: "certificate " + p.Name, Object: w.certPath(p.File) + ".crt", Action: action, Reason: reason,
		Run: func(context.Context, plan.Reporter) error { return w.makeCert(p, w.request(p, facts)) },
	}}}, nil
}

// request is the profile's, with the algorithm and lifetime of this cluster.
func (w *World) request(p pki.Profile, facts pki.Facts) pki.Request {
	r := p.Request(facts)
	c := &w.Config.Cluster
	r.Algorithm, r.Lifetime = c.EncryptionAlgorithm, c.CertificateValidityPeriod.Duration
	if p.IsAuthority() {
		r.Lifetime = c.CACertificateValidityPeriod.Duration
	}
	return r
}

// judge compares what is on the machine with the request: no action means that it will do.
func (w *World) judge(p pki.Profile, r pki.Request) (plan.Action, string, error) {
	pair, err := w.loadPair(p.File)
	if err != nil {
		return "", "", err
	}
	if p.IsAuthority() {
		return w.judgeAuthority(p, pair)
	}
	parent, _ := pki.ProfileNamed(p.Authority)
	ca, err := w.loadPair(parent.File)
	if err != nil {
		return "", "", err
	}
	canSign := ca.Cert == nil || ca.Key != nil // an authority that is not there yet will be made with its key
	reason := w.certPath(p.File) + ".crt does not exist"
	switch {
	case pair.Cert != nil && pair.Key == nil:
		reason = "its key is missing"
	case pair.Cert != nil && ca.Cert == nil:
		return "", "", fmt.Errorf("%s.crt exists, but the authority %q that signed it does not: bring the authority's files back, or remove the certificate", w.certPath(p.File), p.Authority)
	case pair.Cert != nil:
		err := pki.Check(pair, ca.Cert, r, w.Host.Now())
		if err == nil {
			return "", "", nil
		}
		if errors.Is(err, pki.ErrForeign) {
			return "", "", fmt.Errorf("%s.crt is not signed by the authority %q: remove it, and it is made anew", w.certPath(p.File), p.Authority)
		}
		reason = err.Error()
	}
	if !canSign {
		return "", "", fmt.Errorf("%s, and the key of its authority %q is not on this machine: bring a valid certificate with its key, or %s.key", reason, p.Authority, w.certPath(parent.File))
	}
	if pair.Cert != nil {
		return plan.Replace, reason, nil
	}
	return plan.Create, reason, nil
}

func (w *World) judgeAuthority(p pki.Profile, pair pki.Pair) (plan.Action, string, error) {
	if pair.Cert == nil {
		return plan.Create, w.certPath(p.File) + ".crt does not exist", nil
	}
	if err := pki.CheckAuthority(pair, w.Host.Now()); err != nil {
		return "", "", fmt.Errorf("%s.crt cannot be used: %w", w.certPath(p.File), err)
	}
	return "", "", nil
}

// makeCert makes certificate and key. The key is written first, so that a certificate on disk always has its key. A key
// without a certificate is what an interruption leaves: an authority goes on with it, other certificates get a new one.
func (w *World) makeCert(p pki.Profile, r pki.Request) error {
	pair, err := w.issue(p, r)
	if err != nil {
		return fmt.Errorf("making certificate %q: %w", p.Name, err)
	}
	key, err := pki.EncodeKey(pair.Key)
	if err != nil {
		return err
	}
	if err := w.write(file{path: w.certPath(p.File) + ".key", content: key, mode: secretMode}); err != nil {
		return err
	}
	return w.write(file{path: w.certPath(p.File) + ".crt", content: pki.EncodeCert(pair.Cert), mode: publicMode})
}

func (w *World) issue(p pki.Profile, r pki.Request) (pki.Pair, error) {
	if p.IsAuthority() {
		left, err := w.loadKey(p.File)
		if err != nil {
			return pki.Pair{}, err
		}
		return pki.NewAuthority(w.Host.Rand(), w.Host.Now(), r, left)
	}
	parent, _ := pki.ProfileNamed(p.Authority)
	ca, err := w.loadPair(parent.File)
	if err != nil {
		return pki.Pair{}, err
	}
	if ca.Cert == nil {
		return pki.Pair{}, fmt.Errorf("its authority %q does not exist: make it first (phase certs %s)", p.Authority, p.Authority)
	}
	return ca.Issue(w.Host.Rand(), w.Host.Now(), r)
}

// planServiceAccountKey returns the step that makes the key pair with which the control plane signs service account tokens.
func (w *World) planServiceAccountKey() ([]Step, error) {
	key, err := w.loadKey("sa")
	if err != nil {
		return nil, fmt.Errorf("service account key: %w", err)
	}
	_, err = w.Host.Stat(w.certPath("sa.pub"))
	if key != nil && err == nil {
		return nil, nil
	}
	return []Step{{After: []string{"preflight"}, Step: plan.Step{
		ID: "certs/sa", Title: "service account key", Object: w.certPath("sa.key"), Action: plan.Create,
		Reason: w.certPath("sa.pub") + " or its key does not exist",
		Run:    func(context.Context, plan.Reporter) error { return w.makeServiceAccountKey() },
	}}}, nil
}

func (w *World) makeServiceAccountKey() error {
	key, err := w.loadKey("sa")
	if err != nil {
		return err
	}
	if key == nil {
		if key, err = pki.NewKey(w.Host.Rand(), w.Config.Cluster.EncryptionAlgorithm); err != nil {
			return err
		}
		data, err := pki.EncodeKey(key)
		if err != nil {
			return err
		}
		if err := w.write(file{path: w.certPath("sa.key"), content: data, mode: secretMode}); err != nil {
			return err
		}
	}
	public, err := pki.EncodePublicKey(key.Public())
	if err != nil {
		return err
	}
	return w.write(file{path: w.certPath("sa.pub"), content: public, mode: secretMode})
}

func (w *World) certPath(name string) string { return w.Config.Cluster.CertificatesDir + "/" + name }

// loadPair reads a certificate and its key; what does not exist is nil.
func (w *World) loadPair(name string) (pki.Pair, error) {
	data, err := w.Host.ReadFile(w.certPath(name) + ".crt")
	if errors.Is(err, fs.ErrNotExist) {
		return pki.Pair{}, nil
	}
	if err != nil {
		return pki.Pair{}, fmt.Errorf("reading a certificate: %w", err)
	}
	certs, err := pki.DecodeCerts(data)
	if err != nil {
		return pki.Pair{}, fmt.Errorf("reading %s.crt: %w", w.certPath(name), err)
	}
	key, err := w.loadKey(name)
	return pki.Pair{Cert: certs[0], Key: key}, err
}

func (w *World) loadKey(name string) (crypto.Signer, error) {
	data, err := w.Host.ReadFile(w.certPath(name) + ".key")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	key, err := pki.DecodeKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s.key: %w", w.certPath(name), err)
	}
	return key, nil
}

// ExternalCA reports whether the cluster's authority is here without its key.
func (w *World) ExternalCA() (bool, error) {
	pair, err := w.loadPair("ca")
	return pair.Cert != nil && pair.Key == nil, err
}
