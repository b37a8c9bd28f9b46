package node

import (
	"context"
	"fmt"

	"github.com/slipway-dev/slipway/host"
	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/phase"
	"github.com/slipway-dev/slipway/pki"
)

// CreateToken makes a bootstrap token known to the cluster of an administrator's kubeconfig, and returns the command with
// which a worker joins by it.
func CreateToken(ctx context.Context, h host.Host, kubeconfig string, t kubeadm.BootstrapToken) (string, error) {
	data, err := h.ReadFile(kubeconfig)
	if err != nil {
		return "", fmt.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	c, err := apiclient.New(data, "", nil)
	if err != nil {
		return "", err
	}
	if err := c.Ensure(ctx, phase.TokenSecret(t, h.Now())); err != nil {
		return "", err
	}
	k, err := pki.DecodeKubeconfig(data)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", kubeconfig, err)
	}
	return joinCommand(k.Server, k.CA, t.Token.String())
}

// joinCommand is the command line with which a worker joins.
func joinCommand(server string, ca []byte, token string) (string, error) {
	certs, err := pki.DecodeCerts(ca)
	if err != nil {
		return "", fmt.Errorf("reading the certificate authority: %w", err)
	}
	return fmt.Sprintf("kubeadm join %s --token %s --discovery-token-ca-cert-hash %s", withoutScheme(server), token, pki.PublicKeyHash(certs[0])), nil
}
