package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"time"
)

// Report is what a machine's agent knows.
type Report struct {
	Services  []Status  `json:"services"`
	Bootstrap Bootstrap `json:"bootstrap"`
	// Problems are what could not be prepared when the machine started.
	Problems []string `json:"problems,omitempty"`
}

// Bootstrap says how far the machine's bootstrap is.
type Bootstrap struct {
	// State is "waiting", "running", "done" or "failed".
	State string `json:"state"`
	// Reason says why it failed.
	Reason string `json:"reason,omitempty"`
}

// Verbs of the control socket. A request is one JSON object, so is the answer.
const (
	verbReport  = "report"
	verbStart   = "start"
	verbStop    = "stop"
	verbRestart = "restart"
	verbEnable  = "enable"
	verbDisable = "disable"
)

type request struct {
	Verb    string `json:"verb"`
	Service string `json:"service,omitempty"`
}

type answer struct {
	Report
	Error string `json:"error,omitempty"`
}

// orderTimeout bounds an order: a service that is restarted may take its stop timeout and the one for readiness.
const orderTimeout = time.Minute

// Query asks the agent of the machine that the caller is in.
func Query(ctx context.Context) (Report, error) {
	return call(ctx, Socket, request{Verb: verbReport})
}

// call gives the agent one order.
func call(ctx context.Context, socket string, r request) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return Report{}, fmt.Errorf("connecting to the machine's agent: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // the read below says so
	defer stop()
	var a answer
	err = json.NewEncoder(conn).Encode(r)
	if err == nil {
		err = json.NewDecoder(conn).Decode(&a)
	}
	if err != nil {
		return Report{}, fmt.Errorf("asking the machine's agent: %w", errors.Join(err, context.Cause(ctx)))
	}
	if a.Error != "" {
		return a.Report, errors.New(a.Error)
	}
	return a.Report, nil
}

// control takes orders on a socket.
type control struct {
	services []*service
	enabled  enablement
	// bootstrap and problems are asked for each report.
	bootstrap func() Bootstrap
	problems  []string
	log       *slog.Logger
}

// listenControl makes the socket; only root may connect.
func listenControl(path string) (net.Listener, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, fmt.Errorf("removing the old control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("listening for orders: %w", err)
	}
	return l, nil
}

// serve answers until the listener is closed.
func (c *control) serve(ctx context.Context, l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			c.log.Error("taking orders", "error", err)
			return
		}
		go c.answer(ctx, conn)
	}
}

func (c *control) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	var r request
	if err := conn.SetDeadline(time.Now().Add(orderTimeout)); err != nil {
		return
	}
	if err := json.NewDecoder(io.LimitReader(conn, 4096)).Decode(&r); err != nil {
		c.log.Warn("reading an order", "error", err)
		return
	}
	var a answer
	if err := c.do(ctx, r); err != nil {
		a.Error = err.Error()
	}
	a.Report = c.report()
	if err := json.NewEncoder(conn).Encode(a); err != nil {
		c.log.Debug("answering an order", "error", err)
	}
}

func (c *control) report() Report {
	r := Report{Bootstrap: c.bootstrap(), Problems: c.problems}
	for _, s := range c.services {
		status := s.Status()
		status.Enabled = c.enabled.enabled(s.name)
		r.Services = append(r.Services, status)
	}
	return r
}

// do carries out an order.
func (c *control) do(ctx context.Context, r request) error {
	if r.Verb == verbReport {
		return nil
	}
	i := slices.IndexFunc(c.services, func(s *service) bool { return s.name == r.Service })
	if i < 0 {
		return fmt.Errorf("there is no service %q", r.Service)
	}
	c.log.Info("order", "verb", r.Verb, "service", r.Service)
	s := c.services[i]
	switch r.Verb {
	case verbStart:
		return c.settle(ctx, s, s.Start(ctx))
	case verbRestart:
		return c.settle(ctx, s, s.Restart(ctx))
	case verbStop:
		return s.Stop(ctx)
	case verbEnable:
		return c.enabled.enable(s.name)
	case verbDisable:
		return c.enabled.disable(s.name)
	}
	return fmt.Errorf("there is no order %q", r.Verb)
}

// settle waits until a service that tells when it is ready has done so.
func (c *control) settle(ctx context.Context, s *service, err error) error {
	if err != nil || s.ready == nil {
		return err
	}
	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	select {
	case <-s.ready.wait():
		return nil
	case <-timeout.C:
		return fmt.Errorf("%s runs, but is not ready after %v", s.name, readyTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
