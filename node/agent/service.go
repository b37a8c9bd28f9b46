package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// State is what a service is doing, in systemd's words.
type State string

// The states of a service:
//
//	inactive ─start─▶ activating ─▶ active ─stop─▶ deactivating ─▶ inactive
//	                      ▲            │
//	                      └─back-off ◀─┘ died
const (
	Inactive     State = "inactive"
	Activating   State = "activating"
	Active       State = "active"
	Deactivating State = "deactivating"
)

// Status describes a service.
type Status struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Enabled  bool      `json:"enabled"`
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Restarts int       `json:"restarts"`
	// Last says how the last process ended or why none could be started; "" if none ever did.
	Last string `json:"last,omitempty"`
}

// process is a service's running program.
type process interface {
	PID() int
	Signal(syscall.Signal) error
	// Done is closed when the program has ended; Err then says how, nil for status 0.
	Done() <-chan struct{}
	Err() error
}

// readyTimeout is how long a service waits for the one it needs, and an order for the service it starts.
const readyTimeout = 10 * time.Second

// service keeps one program running while it is wanted. All its fields but status belong to run.
type service struct {
	name string
	// launch starts the program.
	launch func() (process, error)
	// after is closed when the service that this one needs is ready; nil needs none.
	after func() <-chan struct{}
	// ready, if not nil, is opened by whoever hears that the program is ready, and shut here when it ends.
	ready       *gate
	stopTimeout time.Duration
	log         *slog.Logger
	orders      chan order

	process  process
	begun    time.Time
	delay    time.Duration
	retry    <-chan time.Time
	awaiting <-chan struct{}

	mu     sync.Mutex
	status Status
}

type order struct {
	do   func() error
	done chan error
}

// ErrShutdown is the answer to an order that comes while the machine goes down.
var ErrShutdown = errors.New("the machine is shutting down")

// run serves orders and restarts the program until ctx ends; it does not stop the program then.
func (s *service) run(ctx context.Context) {
	for {
		var ended <-chan struct{}
		if s.process != nil {
			ended = s.process.Done()
		}
		select {
		case <-ctx.Done():
			return
		case o := <-s.orders:
			o.done <- o.do()
		case <-ended:
			s.died()
		case <-s.awaiting:
			s.again()
		case <-s.retry:
			s.again()
		}
	}
}

// Start wants the service running, and returns why it could not be started. Starting what runs does nothing.
func (s *service) Start(ctx context.Context) error {
	return s.order(ctx, func() error {
		if s.process != nil || s.awaiting != nil {
			return nil
		}
		s.delay = 0
		return s.beginInOrder()
	})
}

// Stop wants the service not running, and returns when it is not.
func (s *service) Stop(ctx context.Context) error {
	return s.order(ctx, s.end)
}

// Restart stops and starts.
func (s *service) Restart(ctx context.Context) error {
	return s.order(ctx, func() error {
		if err := s.end(); err != nil {
			return err
		}
		s.delay = 0
		return s.beginInOrder()
	})
}

// Status describes the service now.
func (s *service) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Name = s.name
	if status.State == "" {
		status.State = Inactive
	}
	if status.State == Active && s.ready != nil && !closed(s.ready.wait()) {
		status.State = Activating
	}
	return status
}

func (s *service) order(ctx context.Context, do func() error) error {
	o := order{do: do, done: make(chan error, 1)}
	select {
	case s.orders <- o:
		return <-o.done
	case <-ctx.Done():
		return ErrShutdown
	}
}

// beginInOrder starts at once, or as soon as what the service needs is ready; after readyTimeout it starts regardless.
func (s *service) beginInOrder() error {
	if s.after != nil {
		if ready := s.after(); !closed(ready) {
			s.awaiting, s.retry = ready, time.After(readyTimeout)
			s.update(func(st *Status) { st.State = Activating })
			return nil
		}
	}
	return s.begin()
}

// again starts the program when nobody waits to hear how that went; begin has logged it.
func (s *service) again() { _ = s.begin() }

// begin starts the program. If that cannot be done it is tried again later, like a program that dies at once.
func (s *service) begin() error {
	s.awaiting, s.retry = nil, nil
	p, err := s.launch()
	s.begun = time.Now()
	if err != nil {
		err = fmt.Errorf("starting %q: %w", s.name, err)
		s.log.Error("service does not start", "service", s.name, "error", err)
		s.backOff(err.Error(), 0)
		return err
	}
	s.process = p
	s.log.Info("service started", "service", s.name, "pid", p.PID())
	s.update(func(st *Status) { st.State, st.PID, st.Since = Active, p.PID(), s.begun })
	return nil
}

// died takes note of a program that ended by itself.
func (s *service) died() {
	lived := time.Since(s.begun)
	how := ending(s.process.Err())
	s.process = nil
	s.log.Warn("service ended", "service", s.name, "how", how, "after", lived.String())
	s.backOff(how, lived)
}

func (s *service) backOff(how string, lived time.Duration) {
	if s.ready != nil {
		s.ready.shut()
	}
	s.delay = nextDelay(s.delay, lived)
	s.retry = time.After(s.delay)
	s.update(func(st *Status) { st.State, st.PID, st.Last = Activating, 0, how; st.Restarts++ })
}

// end stops the program: asked first, killed when it does not listen.
func (s *service) end() error {
	s.awaiting, s.retry = nil, nil
	if s.process != nil {
		s.update(func(st *Status) { st.State = Deactivating })
		s.terminate()
		how := ending(s.process.Err())
		s.log.Info("service stopped", "service", s.name, "how", how)
		s.update(func(st *Status) { st.Last = how })
		s.process = nil
	}
	if s.ready != nil {
		s.ready.shut()
	}
	s.update(func(st *Status) { st.State, st.PID, st.Since = Inactive, 0, time.Now() })
	return nil
}

func (s *service) terminate() {
	timeout := time.NewTimer(s.stopTimeout)
	defer timeout.Stop()
	s.signal(syscall.SIGTERM)
	select {
	case <-s.process.Done():
	case <-timeout.C:
		s.log.Warn("service does not end, killing it", "service", s.name, "after", s.stopTimeout.String())
		s.signal(syscall.SIGKILL)
		<-s.process.Done()
	}
}

// signal logs what goes wrong: a process that is gone already is as good as one that was told.
func (s *service) signal(sig syscall.Signal) {
	if err := s.process.Signal(sig); err != nil {
		s.log.Debug("signalling service", "service", s.name, "error", err)
	}
}

func (s *service) update(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// gate is a state that can be waited for.
type gate struct {
	mu     sync.Mutex
	opened chan struct{}
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

// open lets everybody through who waits, and who comes later.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !closed(g.opened) {
		close(g.opened)
	}
}

// shut makes those who come from now on wait.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if closed(g.opened) {
		g.opened = make(chan struct{})
	}
}

// wait is closed when the gate is open.
func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
