package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// ErrForeign is the error of a certificate that another authority has signed: it is somebody's, and replacing it would
// break what they built on it.
var ErrForeign = errors.New("signed by another certificate authority")

// CheckAuthority returns nil when cert may go on being used as a certificate authority, or the reason why not. A nil key
// means that the key is kept elsewhere.
func CheckAuthority(p Pair, now time.Time) error {
	switch {
	case !p.Cert.IsCA:
		return errors.New("it is not a certificate authority")
	case p.Key != nil && !sameKey(p.Cert, p.Key):
		return errors.New("its key belongs to another certificate")
	}
	return checkPeriod(p.Cert, now)
}

// Check returns nil when the pair may go on being used for the request under that authority, or the reason why not, in
// words that follow "because". A certificate of another authority gives ErrForeign.
func Check(p Pair, ca *x509.Certificate, r Request, now time.Time) error {
	if err := p.Cert.CheckSignatureFrom(ca); err != nil {
		return ErrForeign
	}
	if p.Key != nil && !sameKey(p.Cert, p.Key) {
		return errors.New("its key belongs to another certificate")
	}
	for _, name := range r.SANs.DNS {
		if p.Cert.VerifyHostname(name) != nil {
			return fmt.Errorf("it is not valid for the name %s", name)
		}
	}
	for _, ip := range r.SANs.IPs {
		if p.Cert.VerifyHostname(ip.String()) != nil {
			return fmt.Errorf("it is not valid for the address %s", ip)
		}
	}
	return checkPeriod(p.Cert, now)
}

func checkPeriod(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(cert.NotBefore):
		return fmt.Errorf("it is valid only from %s", cert.NotBefore.Format(time.RFC3339))
	case now.After(cert.NotAfter):
		return fmt.Errorf("it expired on %s", cert.NotAfter.Format(time.RFC3339))
	}
	return nil
}
