package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// Algorithm is a kind of key, by the names that kubeadm's encryptionAlgorithm uses.
type Algorithm string

// The algorithms. ECDSAP256 is the default here: making such a key takes microseconds, an RSA one up to a second.
const (
	ECDSAP256 Algorithm = "ECDSA-P256"
	ECDSAP384 Algorithm = "ECDSA-P384"
	RSA2048   Algorithm = "RSA-2048"
	RSA3072   Algorithm = "RSA-3072"
	RSA4096   Algorithm = "RSA-4096"
)

// Algorithms lists the supported ones, the default first.
func Algorithms() []Algorithm { return []Algorithm{ECDSAP256, ECDSAP384, RSA2048, RSA3072, RSA4096} }

// NewKey makes a private key. The empty algorithm means ECDSAP256.
func NewKey(rand io.Reader, a Algorithm) (crypto.Signer, error) {
	switch a {
	case ECDSAP256, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand)
	case RSA2048:
		return rsa.GenerateKey(rand, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand, 4096)
	}
	return nil, fmt.Errorf("key algorithm %q is not supported: use one of %v", a, Algorithms())
}

// EncodeKey writes a private key as PEM in the form that Kubernetes programs write: SEC 1 for ECDSA, PKCS #1 for RSA.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		if err != nil {
			return nil, fmt.Errorf("encoding a private key: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	case *rsa.PrivateKey:
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}), nil
	}
	return nil, fmt.Errorf("encoding a private key: type %T is not supported", key)
}

// EncodePublicKey writes a public key as PEM.
func EncodePublicKey(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// DecodeKey reads the first private key of a PEM file, in SEC 1, PKCS #1 or PKCS #8. Errors never quote the content.
func DecodeKey(data []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
			return nil, fmt.Errorf("a private key of type %T cannot sign", key)
		}
	}
	return nil, errors.New("no private key in PEM form")
}

// publicKey is what all public keys of the standard library can do.
type publicKey interface {
	Equal(crypto.PublicKey) bool
}

// sameKey reports whether the certificate is about the private key.
func sameKey(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := cert.PublicKey.(publicKey)
	return ok && public.Equal(key.Public())
}
