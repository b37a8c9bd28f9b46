package cluster

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/node/apiclient"
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

// access is how this host speaks to a cluster.
type access struct {
	authorities authorities
	api         *apiclient.Client
	addons      *addon.Client
}

// grantAccess makes the clients for the endpoint at a port of this host, and the administrator's kubeconfig when there is
// none for that port.
func (up *bringUp) grantAccess(port int) error {
	a, err := up.authorities(up.spec.Name)
	if err != nil {
		return err
	}
	bootstrapper, err := up.kubeconfig(up.spec.Name, a, port, bootstrapUser, bootstrapGroup, bootstrapLifetime)
	if err != nil {
		return err
	}
	up.access.authorities = a
	if up.access.api, err = apiclient.New(bootstrapper, "", nil); err != nil {
		return err
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(bootstrapper)
	if err != nil {
		return err
	}
	if up.access.addons, err = addon.NewClient(cfg); err != nil {
		return err
	}
	path := up.kubeconfigPath(up.spec.Name)
	if up.record.APIPort == port && up.serves(path, a, port) {
		return nil
	}
	admin, err := up.kubeconfig(up.spec.Name, a, port, adminUser, adminGroup, administratorYears)
	if err != nil {
		return err
	}
	if err := writeFile(path, admin, 0o600); err != nil {
		return err
	}
	up.record.APIPort = port
	return up.writeRecord(up.record)
}

// renewBefore is how long before its end the administrator's certificate is replaced.
const renewBefore = 30 * 24 * time.Hour

// serves reports whether the kubeconfig at path leads to the endpoint, trusts the cluster and will be trusted for a while.
func (up *bringUp) serves(path string, a authorities, port int) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false // written anew
	}
	k, err := pki.DecodeKubeconfig(data)
	if err != nil || k.Server != endpointURL(port) || !k.Trusts(pki.EncodeCert(a.pairs["ca"].Cert)) {
		return false
	}
	certs, err := pki.DecodeCerts(k.Cert)
	return err == nil && certs[0].CheckSignatureFrom(a.pairs["ca"].Cert) == nil && up.Now().Add(renewBefore).Before(certs[0].NotAfter)
}
