package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
)

// conflist is a CNI configuration list, as far as we write one.
type conflist struct {
	Name       string `json:"name"`
	CNIVersion string `json:"cniVersion"`
	Plugins    []any  `json:"plugins"`
}

type bridge struct {
	Type             string `json:"type"`
	Bridge           string `json:"bridge"`
	IsDefaultGateway bool   `json:"isDefaultGateway"`
	HairpinMode      bool   `json:"hairpinMode"`
	MTU              int    `json:"mtu"`
	IPAM             ipam   `json:"ipam"`
}

type ipam struct {
	Type   string    `json:"type"`
	Ranges [][]span  `json:"ranges"`
	Routes []ipRoute `json:"routes"`
}

type span struct {
	Subnet string `json:"subnet"`
}

type ipRoute struct {
	Dst string `json:"dst"`
}

type portmap struct {
	Type         string          `json:"type"`
	Capabilities map[string]bool `json:"capabilities"`
}

// cniConfig is what flannel's CNI meta-plugin would hand to the bridge plugin for each pod, written once: a bridge whose
// address is the pods' gateway, addresses from the node's lease, a route to the whole pod network, host ports.
func cniConfig(config *subnet.Config, l *lease.Lease, mtu int) ([]byte, error) {
	addresses := ipam{Type: "host-local"}
	if config.EnableIPv4 {
		addresses.Ranges = append(addresses.Ranges, []span{{l.Subnet.String()}})
		addresses.Routes = append(addresses.Routes, ipRoute{config.Network.String()})
	}
	if config.EnableIPv6 {
		addresses.Ranges = append(addresses.Ranges, []span{{l.IPv6Subnet.String()}})
		addresses.Routes = append(addresses.Routes, ipRoute{config.IPv6Network.String()})
	}
	list := conflist{
		Name:       "cbr0",
		CNIVersion: "1.0.0",
		Plugins: []any{
			bridge{Type: "bridge", Bridge: "cni0", IsDefaultGateway: true, HairpinMode: true, MTU: mtu, IPAM: addresses},
			portmap{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}},
		},
	}
	return json.MarshalIndent(list, "", "  ")
}

// replaceFile writes data to path so that a reader sees the old content or the new, never a part. The runtime loads every
// *.conf, *.conflist and *.json in the directory, so the temporary name must end in none of them.
func replaceFile(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(append(data, '\n')); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("putting it in place: %w", err)
	}
	return nil
}
