// Package pki makes and judges the keys, certificates and kubeconfigs of a cluster: bytes in, bytes out. Clock and
// randomness are passed in. It knows which certificates a kubeadm cluster has (Profiles), but nothing of files on a
// machine; it refuses to sign anything with a certificate that is not an authority or whose key it was not given.
package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"time"
)

// Backdate is how far before its making a certificate starts to be valid, for machines whose clocks lag a little.
const Backdate = 5 * time.Minute

// How long certificates are valid unless asked otherwise, as with kubeadm.
const (
	DefaultLifetime          = 365 * 24 * time.Hour
	DefaultAuthorityLifetime = 10 * 365 * 24 * time.Hour
)

// Request says what a certificate is to contain.
type Request struct {
	CommonName   string
	Organization []string
	Usages       []x509.ExtKeyUsage
	SANs         SANs
	// Algorithm of the key; empty means ECDSAP256.
	Algorithm Algorithm
	// Lifetime from now; 0 means DefaultLifetime, for an authority DefaultAuthorityLifetime.
	Lifetime time.Duration
}

// SANs are the names and addresses a serving certificate is for.
type SANs struct {
	DNS []string
	IPs []netip.Addr
}

// Pair is a certificate with its key.
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// NewAuthority makes a self-signed certificate authority. key may be given to go on with one that exists; nil makes one.
func NewAuthority(random io.Reader, now time.Time, r Request, key crypto.Signer) (Pair, error) {
	r.SANs = SANs{DNS: []string{r.CommonName}}
	if r.Lifetime == 0 {
		r.Lifetime = DefaultAuthorityLifetime
	}
	return issue(random, now, r, key, nil)
}

// Issue makes a key and a certificate for it, signed by the authority.
func (ca Pair) Issue(random io.Reader, now time.Time, r Request) (Pair, error) {
	switch {
	case !ca.Cert.IsCA:
		return Pair{}, fmt.Errorf("certificate %q is not a certificate authority", ca.Cert.Subject.CommonName)
	case ca.Key == nil:
		return Pair{}, fmt.Errorf("the key of certificate authority %q is not here", ca.Cert.Subject.CommonName)
	case len(r.Usages) == 0:
		return Pair{}, fmt.Errorf("certificate %q has no key usage", r.CommonName)
	}
	if r.Lifetime == 0 {
		r.Lifetime = DefaultLifetime
	}
	return issue(random, now, r, nil, &ca)
}

// issue signs with ca, or with the certificate's own key when ca is nil.
func issue(random io.Reader, now time.Time, r Request, key crypto.Signer, ca *Pair) (Pair, error) {
	if r.CommonName == "" {
		return Pair{}, errors.New("a certificate needs a common name")
	}
	if key == nil {
		var err error
		if key, err = NewKey(random, r.Algorithm); err != nil {
			return Pair{}, fmt.Errorf("making a key for %q: %w", r.CommonName, err)
		}
	}
	template, err := r.template(random, now, ca == nil)
	if err != nil {
		return Pair{}, err
	}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.Cert, ca.Key
	}
	der, err := x509.CreateCertificate(random, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, fmt.Errorf("signing certificate %q: %w", r.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	return Pair{Cert: cert, Key: key}, err
}

func (r Request) template(random io.Reader, now time.Time, authority bool) (*x509.Certificate, error) {
	serial, err := rand.Int(random, big.NewInt(math.MaxInt64-1))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	usage := x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	if authority {
		usage |= x509.KeyUsageCertSign
	}
	t := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: r.CommonName, Organization: r.Organization},
		NotBefore:             now.UTC().Add(-Backdate),
		NotAfter:              now.UTC().Add(r.Lifetime),
		KeyUsage:              usage,
		ExtKeyUsage:           r.Usages,
		BasicConstraintsValid: true,
		IsCA:                  authority,
		DNSNames:              slices.Compact(slices.Sorted(slices.Values(r.SANs.DNS))),
	}
	for i, ip := range r.SANs.IPs {
		if !slices.Contains(r.SANs.IPs[:i], ip) {
			t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
		}
	}
	return t, nil
}

// EncodeCert writes a certificate as PEM.
func EncodeCert(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// DecodeCerts reads the certificates of a PEM file, the owner's first, and refuses a file without any.
func DecodeCerts(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate in PEM form")
	}
	return certs, nil
}

// PublicKeyHash returns the pin by which joining machines recognise an authority: "sha256:" and the digest of its
// public key's encoding.
func PublicKeyHash(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}
