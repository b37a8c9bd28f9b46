// Package gateway publishes a cluster's control-plane endpoint on this host's loopback: it takes TCP connections and carries
// each to a control plane that answers. It does not look into what it carries, and does nothing at all while nobody connects:
// what it knows about its backends it learns from connections, and from probes that connections set off.
package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/inetaf/tcpproxy"
)

// Config is gateway.json.
type Config struct {
	// Port on 127.0.0.1 is chosen once, since kubeconfigs name it.
	Port int `json:"port"`
	// Target is the port on the control planes.
	Target int `json:"target"`
	// Backends are the control planes' addresses.
	Backends []netip.Addr `json:"backends"`
}

// Address is where clients connect to.
func (c Config) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) }

// Targets are the backends with their port.
func (c Config) Targets() []netip.AddrPort {
	targets := make([]netip.AddrPort, len(c.Backends))
	for i, b := range c.Backends {
		targets[i] = netip.AddrPortFrom(b, uint16(c.Target))
	}
	return targets
}

const (
	// A client waits this long for any of the backends.
	connectTimeout = 10 * time.Second
	// Connections to a machine that vanished are noticed after a few unanswered probes of this distance.
	keepAlive = 15 * time.Second
)

// Serve carries connections until ctx ends or the listener fails, and closes the listener. connect gives a connection to
// a backend; where it has none, the client's connection is closed, as a control plane that restarts would do.
func Serve(ctx context.Context, l net.Listener, connect func(context.Context) (net.Conn, error)) error {
	proxy := tcpproxy.Proxy{ListenFunc: func(string, string) (net.Listener, error) { return l, nil }}
	proxy.AddRoute(l.Addr().String(), &tcpproxy.DialProxy{
		DialTimeout:     connectTimeout,
		KeepAlivePeriod: keepAlive,
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx) },
		OnDialError:     func(client net.Conn, _ error) { client.Close() },
	})
	if err := proxy.Start(); err != nil {
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	stop := context.AfterFunc(ctx, func() { proxy.Close() })
	defer stop()
	err := proxy.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serving on %s: %w", l.Addr(), err)
}
