package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/slipway-dev/slipway/engine/gateway"
	"golang.org/x/sys/unix"
)

// Ports that are chosen lie below those that the kernel gives to outgoing connections (32768 and up), so that none of these
// has the port when a cluster comes back.
const (
	firstPort  = 20000
	portsTried = 10000
	lastPort   = 1<<16 - 1
)

// EnsureGateway publishes target, a port of the control planes, on 127.0.0.1 and returns where. A port of 0 keeps the one the
// cluster has, or chooses a free one. The keeper is started too. A port that is taken is a *PortInUseError.
func (e *Engine) EnsureGateway(ctx context.Context, cluster string, port, target int) (cfg gateway.Config, changed bool, err error) {
	if err := e.checkCluster(cluster); err != nil {
		return cfg, false, err
	}
	if port < 0 || port > lastPort {
		return cfg, false, &InvalidError{Field: "port", Value: strconv.Itoa(port), Reason: "ports are 1 to 65535, and 0 means one that is free"}
	}
	if !exists(e.clusterDir(cluster)) {
		return cfg, false, fmt.Errorf("publishing cluster %q: it %w", cluster, ErrNotFound)
	}
	cfg, moved, err := e.planGateway(ctx, cluster, port, target)
	if err != nil {
		return cfg, false, err
	}
	if moved {
		// The one that runs listens on the old port. If a keeper is there it may win in starting the new one.
		if _, err := e.stopDaemon(ctx, cluster, gatewayName); err != nil {
			return cfg, false, err
		}
	}
	started, err := e.ensureDaemon(ctx, cluster, gatewayName, e.GatewayCommand)
	if err != nil {
		return cfg, moved, err
	}
	kept, err := e.ensureDaemon(ctx, cluster, keeperName, e.KeeperCommand)
	return cfg, moved || started || kept, err
}

// planGateway reads or makes gateway.json and says whether a running gateway has to move.
func (e *Engine) planGateway(ctx context.Context, cluster string, port, target int) (cfg gateway.Config, moved bool, err error) {
	unlock, err := lockFile(ctx, filepath.Join(e.clustersDir(), ".lock"))
	if err != nil {
		return cfg, false, err
	}
	defer unlock()
	err = readJSON(e.gatewayFile(cluster), &cfg)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cfg, false, err
	}
	had := cfg.Port
	if port == 0 {
		port = had
	}
	if port != had || had == 0 {
		if cfg.Port, err = e.claimPort(cluster, port); err != nil {
			return cfg, false, err
		}
	}
	moved = had != 0 && cfg.Port != had
	cfg.Target = target
	if cfg.Backends, err = e.controlPlanes(cluster); err != nil {
		return cfg, false, err
	}
	return cfg, moved, e.writeGateway(cluster, cfg)
}

// claimPort checks the port asked for, or chooses one. The first choice depends on the cluster's name only, so that a cluster
// that is made again mostly gets its old port.
func (e *Engine) claimPort(cluster string, port int) (int, error) {
	taken, err := e.claimedPorts(cluster)
	if err != nil {
		return 0, err
	}
	if port != 0 {
		if owner, ok := taken[port]; ok {
			return 0, &PortInUseError{Port: port, Cluster: owner}
		}
		return port, portFree(port)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(cluster))
	first := int(h.Sum32() % portsTried)
	for i := range portsTried {
		port := firstPort + (first+i)%portsTried
		if _, ok := taken[port]; !ok && portFree(port) == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("choosing a port for cluster %q: all of %d to %d are in use", cluster, firstPort, firstPort+portsTried-1)
}

// claimedPorts are the ports of the other clusters, running or not.
func (e *Engine) claimedPorts(cluster string) (map[int]string, error) {
	names, err := subdirectories(e.clustersDir())
	if err != nil {
		return nil, err
	}
	taken := map[int]string{}
	for _, name := range names {
		var cfg gateway.Config
		err := readJSON(e.gatewayFile(name), &cfg)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil && name != cluster {
			taken[cfg.Port] = name
		}
	}
	return taken, nil
}

func portFree(port int) error {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return listenError(port, err)
	}
	return l.Close()
}

func listenError(port int, err error) error {
	if errors.Is(err, unix.EADDRINUSE) {
		return &PortInUseError{Port: port, Err: err}
	}
	return fmt.Errorf("listening on port %d: %w", port, err)
}

// syncGateway tells the gateway which control planes there are. It looks at the file whenever somebody connects.
func (e *Engine) syncGateway(ctx context.Context, cluster string) error {
	if !exists(e.gatewayFile(cluster)) {
		return nil
	}
	unlock, err := lockFile(ctx, filepath.Join(e.clustersDir(), ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	var cfg gateway.Config
	if err := readJSON(e.gatewayFile(cluster), &cfg); err != nil {
		return err
	}
	if cfg.Backends, err = e.controlPlanes(cluster); err != nil {
		return err
	}
	return e.writeGateway(cluster, cfg)
}

// writeGateway writes gateway.json if it says something else.
func (e *Engine) writeGateway(cluster string, cfg gateway.Config) error {
	var old gateway.Config
	if err := readJSON(e.gatewayFile(cluster), &old); err == nil &&
		old.Port == cfg.Port && old.Target == cfg.Target && slices.Equal(old.Backends, cfg.Backends) {
		return nil
	}
	return writeJSON(e.gatewayFile(cluster), cfg)
}

func (e *Engine) controlPlanes(cluster string) ([]netip.Addr, error) {
	records, err := e.records(cluster)
	if err != nil {
		return nil, err
	}
	all := []netip.Addr{}
	for _, r := range records {
		if r.ControlPlane && r.Whole {
			all = append(all, r.Address)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all, nil
}
