package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/addon/catalog"
	"github.com/slipway-dev/slipway/addon/catalog/flannel"
	"github.com/slipway-dev/slipway/plan"
	"github.com/slipway-dev/slipway/release"
)

// installAddons applies what pods need before they can run, and waits until it works.
func (up *bringUp) installAddons(ctx context.Context, report plan.Reporter) error {
	addons, digest, err := up.renderAddons()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, addonsTimeout)
	defer cancel()
	if _, err := addon.Install(ctx, up.access.addons, addons, addon.Options{Report: report}); err != nil {
		return err
	}
	up.record.Addons = digest
	return up.writeRecord(up.record)
}

// renderAddons returns the addons and a digest of all their objects.
func (up *bringUp) renderAddons() ([]addon.Addon, string, error) {
	addons, err := catalog.Bootstrap(catalog.Values{
		KubeProxyImage: up.rel.Image("kube-proxy"),
		CoreDNSImage:   up.rel.Image(release.CoreDNS),
		FlannelImage:   up.rel.Image(release.Flannel),
		APIEndpoint:    fmt.Sprintf("https://%s:%d", endpointAddress(), apiPort),
		PodCIDRs:       []string{podSubnet},
		ServiceCIDRs:   []string{serviceSubnet},
		DNSDomain:      dnsDomain,
		Backend:        flannel.HostGW, // all machines are on one bridge: packets need no wrapping
	})
	if err != nil {
		return nil, "", err
	}
	hash := sha256.New()
	if err := json.NewEncoder(hash).Encode(addons); err != nil {
		return nil, "", err
	}
	return addons, hex.EncodeToString(hash.Sum(nil)), nil
}
