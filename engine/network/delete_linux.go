package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

// Delete removes everything that Ensure and Attach have made for a cluster: links, firewall rules, and all namespaces bound in
// nsDir. It finds links by their label, so it works when the cluster's files are lost; link, which may be empty, is the name
// of one that may not have got its label. It is safe to repeat.
func Delete(_ context.Context, cluster, link, nsDir string) error {
	err := errors.Join(deleteLinks(cluster, link), deleteTable(cluster), closeFirewall(cluster), deleteNamespaces(nsDir))
	if err != nil {
		return fmt.Errorf("removing the network of cluster %q: %w", cluster, err)
	}
	return nil
}

func deleteLinks(cluster, unlabelled string) error {
	h, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("opening netlink: %w", err)
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return fmt.Errorf("listing the host's links: %w", err)
	}
	for _, l := range links {
		a := l.Attrs()
		if a.Alias != alias(cluster) && !(a.Alias == "" && a.Name == unlabelled) {
			continue
		}
		if err := remove(h, l); err != nil {
			return err
		}
	}
	return nil
}

func deleteNamespaces(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing network namespaces: %w", err)
	}
	for _, e := range entries {
		if err := removeNamespace(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
