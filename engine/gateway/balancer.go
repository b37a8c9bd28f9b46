package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// attemptTimeout bounds one attempt while other backends are left to try: a machine on a bridge of this host answers
	// within milliseconds or not at all.
	attemptTimeout = time.Second
	// A sick backend is looked at again after 1, 2, 4 … 30 s.
	firstRetry, lastRetry = time.Second, 30 * time.Second
)

// ErrNoBackend means that there is no control plane to connect to.
var ErrNoBackend = errors.New("the cluster has no control plane")

// Balancer spreads connections over backends. Dial and Now are required.
type Balancer struct {
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	Now  func() time.Time

	mu       sync.Mutex
	backends []backend
	turn     int
}

// backend is what is known about one target. A failed one is sick until a connection or a probe succeeds.
type backend struct {
	target   netip.AddrPort
	failures int
	retryAt  time.Time
}

// Set replaces the targets. What is known about those that stay is kept.
func (b *Balancer) Set(targets []netip.AddrPort) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var backends []backend
	for _, t := range targets {
		i := slices.IndexFunc(b.backends, func(have backend) bool { return have.target == t })
		if i >= 0 {
			backends = append(backends, b.backends[i])
		} else {
			backends = append(backends, backend{target: t})
		}
	}
	b.backends = backends
}

// Connect returns a connection to a backend: the healthy ones in turn, then, when none of these answers, the sick ones. Sick
// backends whose time has come are probed beside, at nobody's expense.
func (b *Balancer) Connect(ctx context.Context) (net.Conn, error) {
	order, probe := b.order()
	for _, target := range probe {
		go b.probe(ctx, target)
	}
	err := ErrNoBackend
	for i, target := range order {
		var conn net.Conn
		if conn, err = b.attempt(ctx, target, i == len(order)-1); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// attempt dials one target and remembers the outcome, unless it was the client who gave up.
func (b *Balancer) attempt(ctx context.Context, target netip.AddrPort, last bool) (net.Conn, error) {
	dial := ctx
	if !last {
		limited, cancel := context.WithTimeout(ctx, attemptTimeout)
		defer cancel()
		dial = limited
	}
	conn, err := b.Dial(dial, target)
	if err == nil || ctx.Err() == nil {
		b.note(target, err == nil)
	}
	return conn, err
}

func (b *Balancer) probe(ctx context.Context, target netip.AddrPort) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
	defer cancel()
	conn, err := b.Dial(ctx, target)
	b.note(target, err == nil)
	if err == nil {
		conn.Close()
	}
}

// order lists all targets in the order in which to try them, and those to probe. A target that is probed is put off, so
// that a burst of connections makes one probe.
func (b *Balancer) order() (order, probe []netip.AddrPort) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	var healthy, sick []backend
	for _, have := range b.backends {
		if have.failures == 0 {
			healthy = append(healthy, have)
		} else {
			sick = append(sick, have)
		}
	}
	if len(healthy) > 0 {
		b.turn++
		n := b.turn % len(healthy)
		healthy = slices.Concat(healthy[n:], healthy[:n])
		for i := range b.backends {
			if have := &b.backends[i]; have.failures > 0 && !now.Before(have.retryAt) {
				probe = append(probe, have.target)
				have.retryAt = now.Add(retryPause(have.failures))
			}
		}
	}
	slices.SortStableFunc(sick, func(x, y backend) int { return x.retryAt.Compare(y.retryAt) })
	for _, have := range slices.Concat(healthy, sick) {
		order = append(order, have.target)
	}
	return order, probe
}

func (b *Balancer) note(target netip.AddrPort, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.backends {
		have := &b.backends[i]
		switch {
		case have.target != target:
		case ok:
			have.failures = 0
		default:
			have.failures++
			have.retryAt = b.Now().Add(retryPause(have.failures))
		}
	}
}

func retryPause(failures int) time.Duration {
	// 2^5 s is past the longest pause; stopping there keeps the shift from overflowing.
	return min(firstRetry<<min(failures-1, 5), lastRetry)
}
