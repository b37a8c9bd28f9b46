package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/slipway-dev/slipway/engine/gateway"
	"github.com/slipway-dev/slipway/engine/network"
	"golang.org/x/sync/errgroup"
)

// RunGateway is the gateway process. It returns nil when another one runs, when the cluster is being deleted, or when ctx ends.
func (e *Engine) RunGateway(ctx context.Context, cluster string) error {
	owned, say, err := e.begin(cluster, gatewayName)
	if owned == nil || err != nil {
		return err
	}
	defer owned.Close()
	table := &backends{file: e.gatewayFile(cluster), balancer: &gateway.Balancer{Dial: e.dialer(cluster), Now: time.Now}, report: e.warn}
	cfg, err := table.refresh()
	if err != nil {
		say(err.Error())
		return err
	}
	listeners, err := e.publish(cluster, cfg)
	if err != nil {
		say(err.Error())
		return err
	}
	say(saidReady)
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, listener := range listeners {
		group.Go(func() error { return gateway.Serve(ctx, listener, table.connect) })
	}
	group.Go(func() error {
		defer cancel()
		return e.guard(ctx, cluster, keeperName, e.KeeperCommand)
	})
	return unlessAsked(group.Wait())
}

// publish listens where the endpoint is: on the host's loopback, and at the bridge's address for the machines themselves. Two
// listeners, since the namespaces share nothing.
func (e *Engine) publish(cluster string, cfg gateway.Config) ([]net.Listener, error) {
	outside, err := net.Listen("tcp4", cfg.Address())
	if err != nil {
		return nil, listenError(cfg.Port, err)
	}
	var inside net.Listener
	err = network.InNamespace(e.clusterNS(cluster), func() (err error) {
		inside, err = net.Listen("tcp4", netip.AddrPortFrom(network.BridgeAddress(), uint16(cfg.Target)).String())
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening inside the cluster's network: %w", err), outside.Close())
	}
	return []net.Listener{outside, inside}, nil
}

// dialer connects from within the cluster's namespace, where the machines' addresses mean the machines. The thread is there
// only while the socket is made and connects; over a bridge of this host that takes microseconds.
func (e *Engine) dialer(cluster string) func(context.Context, netip.AddrPort) (net.Conn, error) {
	file := e.clusterNS(cluster)
	return func(ctx context.Context, to netip.AddrPort) (conn net.Conn, err error) {
		err = network.InNamespace(file, func() error {
			var d net.Dialer
			conn, err = d.DialContext(ctx, "tcp4", to.String())
			return err
		})
		return conn, err
	}
}

// backends keeps the balancer's targets as the file has them, and reports when the cluster stops and begins to answer.
type backends struct {
	file     string
	balancer *gateway.Balancer
	report   func(...string)
	mu       sync.Mutex
	seen     os.FileInfo
	silent   bool
}

func (b *backends) connect(ctx context.Context) (conn net.Conn, err error) {
	if _, err = b.refresh(); err == nil {
		conn, err = b.balancer.Connect(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil && !b.silent:
		b.report("no control plane answers: " + err.Error())
	case err == nil && b.silent:
		b.report("the control plane answers")
	}
	b.silent = err != nil
	return conn, err
}

// refresh reads the file if it is another one than last time; files are only ever replaced.
func (b *backends) refresh() (cfg gateway.Config, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(b.file)
	if err != nil {
		return cfg, fmt.Errorf("reading the gateway's configuration: %w", err)
	}
	if b.seen != nil && os.SameFile(info, b.seen) && info.ModTime().Equal(b.seen.ModTime()) {
		return cfg, nil
	}
	if err := readJSON(b.file, &cfg); err != nil {
		return cfg, err
	}
	b.balancer.Set(cfg.Targets())
	b.seen = info
	return cfg, nil
}
