package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// farm is a set of backends that can be switched off.
type farm struct {
	mu    sync.Mutex
	down  map[netip.AddrPort]bool
	calls []netip.AddrPort
}

func (f *farm) dial(_ context.Context, to netip.AddrPort) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, to)
	if f.down[to] {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	far.Close()
	return near, nil
}

// take returns the calls since it was called last.
func (f *farm) take() []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

var (
	one   = netip.MustParseAddrPort("10.213.0.11:6443")
	two   = netip.MustParseAddrPort("10.213.0.12:6443")
	three = netip.MustParseAddrPort("10.213.0.13:6443")
)

func newBalancer(f *farm, targets ...netip.AddrPort) (*Balancer, *time.Time) {
	now := time.Unix(1_000_000, 0)
	var mu sync.Mutex
	b := &Balancer{Dial: f.dial, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}
	b.Set(targets)
	return b, &now
}

func TestConnectionsGoToHealthyBackendsInTurn(t *testing.T) {
	f := &farm{}
	b, _ := newBalancer(f, one, two, three)
	for range 6 {
		if _, err := b.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	calls := f.take()
	for _, target := range []netip.AddrPort{one, two, three} {
		if n := len(slices.DeleteFunc(slices.Clone(calls), func(c netip.AddrPort) bool { return c != target })); n != 2 {
			t.Errorf("%s got %d of 6 connections, want 2", target, n)
		}
	}
}

func TestASickBackendIsPassedOverUntilAProbeFindsItWell(t *testing.T) {
	f := &farm{down: map[netip.AddrPort]bool{two: true}}
	b, now := newBalancer(f, one, two)
	for range 4 {
		if _, err := b.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(slices.DeleteFunc(f.take(), func(c netip.AddrPort) bool { return c != two })); n != 1 {
		t.Errorf("the sick backend was tried %d times, want once", n)
	}
	f.mu.Lock()
	f.down[two] = false
	f.mu.Unlock()
	*now = now.Add(firstRetry)
	if _, err := b.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(5 * time.Second)
	for {
		b.mu.Lock()
		healthy := b.backends[1].failures == 0
		b.mu.Unlock()
		if healthy {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the probe did not find the backend well")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestWhenAllAreSickAllAreTried(t *testing.T) {
	f := &farm{down: map[netip.AddrPort]bool{one: true, two: true}}
	b, _ := newBalancer(f, one, two)
	if _, err := b.Connect(t.Context()); err == nil {
		t.Fatal("connected to nothing")
	}
	f.take()
	f.down[two] = false
	if _, err := b.Connect(t.Context()); err != nil {
		t.Fatalf("a backend that came back is not used: %v", err)
	}
}

func TestNoBackendIsAnError(t *testing.T) {
	b, _ := newBalancer(&farm{})
	if _, err := b.Connect(t.Context()); !errors.Is(err, ErrNoBackend) {
		t.Errorf("got %v, want ErrNoBackend", err)
	}
}

func TestKnowledgeOfBackendsThatStayIsKept(t *testing.T) {
	f := &farm{down: map[netip.AddrPort]bool{one: true}}
	b, _ := newBalancer(f, one)
	_, _ = b.Connect(t.Context())
	b.Set([]netip.AddrPort{one, two})
	f.take()
	if _, err := b.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.take(); !slices.Equal(got, []netip.AddrPort{two}) {
		t.Errorf("tried %v, want only the healthy one", got)
	}
}

func TestServeCarriesBytesBothWays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	go func() {
		c, err := backend.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, c)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, func(context.Context) (net.Conn, error) {
			return net.Dial("tcp", backend.Addr().String())
		})
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "ping" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("serving ended with %v, want nil after the context's end", err)
	}
}
