package cluster

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/slipway-dev/slipway/pki"
)

// The two users that a host makes kubeconfigs for. The administrator's rights come from a role binding that can be taken
// back; the bootstrapper's do not, since it works before any role exists, so its certificate lives an hour and is never
// written to disk.
const (
	adminUser          = "kubernetes-admin"
	adminGroup         = "kubeadm:cluster-admins"
	bootstrapUser      = "slipway-bootstrapper"
	bootstrapGroup     = "system:masters"
	bootstrapLifetime  = time.Hour
	administratorYears = 365 * 24 * time.Hour
)

// loopback is where the gateway publishes a cluster's endpoint.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// kubeconfig makes the kubeconfig of a user for the endpoint at a port of this host.
func (l *Local) kubeconfig(cluster string, a authorities, port int, user, group string, lifetime time.Duration) ([]byte, error) {
	ca := a.pairs["ca"]
	pair, err := ca.Issue(l.Rand, l.Now(), pki.Request{
		CommonName: user, Organization: []string{group}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, Lifetime: lifetime,
	})
	if err != nil {
		return nil, fmt.Errorf("issuing the certificate of %q: %w", user, err)
	}
	key, err := pki.EncodeKey(pair.Key)
	if err != nil {
		return nil, err
	}
	return pki.Kubeconfig{
		Cluster: contextName(cluster), User: user,
		Server: endpointURL(port),
		CA:     pki.EncodeCert(ca.Cert), Cert: pki.EncodeCert(pair.Cert), Key: key,
	}.Encode()
}

// endpointURL is a cluster's endpoint at a port of this host.
func endpointURL(port int) string {
	return "https://" + net.JoinHostPort(loopback.String(), strconv.Itoa(port))
}
