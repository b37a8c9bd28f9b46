package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Token is a bootstrap token: a public ID, which names its Secret, and a secret part.
type Token struct {
	ID, Secret string
}

// How long the parts of a token are, and what they are made of.
const (
	tokenIDLength     = 6
	tokenSecretLength = 16
	tokenCharacters   = "0123456789abcdefghijklmnopqrstuvwxyz"
)

var tokenPattern = regexp.MustCompile(`^([a-z0-9]{6})\.([a-z0-9]{16})$`)

// NewToken makes a random token.
func NewToken(rand io.Reader) (Token, error) {
	id, err := randomText(rand, tokenIDLength)
	if err != nil {
		return Token{}, err
	}
	secret, err := randomText(rand, tokenSecretLength)
	return Token{ID: id, Secret: secret}, err
}

// ParseToken reads a token of the form abcdef.0123456789abcdef. The error does not quote it: it may be nearly right.
func ParseToken(s string) (Token, error) {
	m := tokenPattern.FindStringSubmatch(s)
	if m == nil {
		return Token{}, errors.New(`a bootstrap token has the form "abcdef.0123456789abcdef": 6 and 16 lower-case letters or digits`)
	}
	return Token{ID: m[1], Secret: m[2]}, nil
}

// String returns the token in the form that ParseToken reads; it is a secret.
func (t Token) String() string { return t.ID + "." + t.Secret }

// randomText returns n characters, each as likely as any other: bytes that would favour some are thrown away.
func randomText(rand io.Reader, n int) (string, error) {
	const fair = 256 - 256%len(tokenCharacters)
	var text strings.Builder
	buf := make([]byte, n)
	for text.Len() < n {
		if _, err := io.ReadFull(rand, buf); err != nil {
			return "", fmt.Errorf("making a random token: %w", err)
		}
		for _, b := range buf {
			if int(b) < fair && text.Len() < n {
				text.WriteByte(tokenCharacters[int(b)%len(tokenCharacters)])
			}
		}
	}
	return text.String(), nil
}

// CertificateKeySize is the size of the AES key that protects uploaded certificates.
const CertificateKeySize = 32

// NewCertificateKey makes such a key, in hexadecimal as kubeadm shows it.
func NewCertificateKey(rand io.Reader) (string, error) {
	key := make([]byte, CertificateKeySize)
	if _, err := io.ReadFull(rand, key); err != nil {
		return "", fmt.Errorf("making a certificate key: %w", err)
	}
	return hex.EncodeToString(key), nil
}

// Seal encrypts data with a certificate key: AES-GCM, the nonce before the ciphertext.
func Seal(rand io.Reader, certificateKey string, data []byte) ([]byte, error) {
	gcm, err := sealer(certificateKey)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("making a nonce: %w", err)
	}
	return gcm.Seal(nonce, nonce, data, nil), nil
}

// Open decrypts what Seal made.
func Open(certificateKey string, data []byte) ([]byte, error) {
	gcm, err := sealer(certificateKey)
	if err != nil {
		return nil, err
	}
	if len(data) < gcm.NonceSize() {
		return nil, errors.New("the encrypted data is cut short")
	}
	return gcm.Open(nil, data[:gcm.NonceSize()], data[gcm.NonceSize():], nil)
}

func sealer(certificateKey string) (cipher.AEAD, error) {
	key, err := hex.DecodeString(certificateKey)
	if err != nil || len(key) != CertificateKeySize {
		return nil, fmt.Errorf("a certificate key is %d bytes in hexadecimal", CertificateKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
