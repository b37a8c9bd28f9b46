package agent

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProcess lives until it is told otherwise.
type fakeProcess struct {
	pid     int
	deaf    bool // to SIGTERM
	done    chan struct{}
	err     error
	signals []syscall.Signal
}

func (p *fakeProcess) PID() int              { return p.pid }
func (p *fakeProcess) Done() <-chan struct{} { return p.done }
func (p *fakeProcess) Err() error            { return p.err }
func (p *fakeProcess) Signal(s syscall.Signal) error {
	p.signals = append(p.signals, s)
	if s == syscall.SIGKILL || !p.deaf {
		p.die(errors.New("signal: " + s.String()))
	}
	return nil
}

func (p *fakeProcess) die(err error) {
	if !closed(p.done) {
		p.err = err
		close(p.done)
	}
}

// bench runs a service whose programs are fakes, in a bubble where time passes at once.
type bench struct {
	*service
	launched []*fakeProcess
	times    []time.Duration
	refusals int // how many launches fail first
	deaf     bool
}

var errRefused = errors.New("no such file")

func newBench(t *testing.T) *bench {
	b := &bench{}
	began := time.Now()
	b.service = &service{
		name: "kubelet", stopTimeout: 5 * time.Second, log: slog.New(slog.DiscardHandler), orders: make(chan order),
		launch: func() (process, error) {
			b.times = append(b.times, time.Since(began))
			if b.refusals > 0 {
				b.refusals--
				return nil, errRefused
			}
			p := &fakeProcess{pid: len(b.launched) + 100, deaf: b.deaf, done: make(chan struct{})}
			b.launched = append(b.launched, p)
			return p, nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go b.run(ctx)
	return b
}

func (b *bench) last() *fakeProcess { return b.launched[len(b.launched)-1] }

func TestServiceThatKeepsDyingIsStartedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 9 {
			b.last().die(errors.New("exit status 1"))
			synctest.Wait()
			if s := b.Status(); s.State != Activating || s.PID != 0 || s.Last != "exit status 1" {
				t.Errorf("dead: %+v", s)
			}
			time.Sleep(lastDelay)
			synctest.Wait()
		}
		if s := b.Status(); s.State != Active || s.Restarts != 9 {
			t.Errorf("%+v", s)
		}
		// The test kills it every 10 s: each start comes its delay after that.
		for i, want := range []time.Duration{0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000} {
			if late := b.times[i] - time.Duration(max(i-1, 0))*lastDelay; late != want*time.Millisecond {
				t.Errorf("start %d came %v after the death", i, late)
			}
		}
	})
}

func TestBackOffDoublesAndForgets(t *testing.T) {
	var got []time.Duration
	var delay time.Duration
	for range 9 {
		delay = nextDelay(delay, time.Second)
		got = append(got, delay)
	}
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000} {
		if got[i] != want*time.Millisecond {
			t.Errorf("delay %d is %v", i, got[i])
		}
	}
	if d := nextDelay(lastDelay, healthyLife); d != firstDelay {
		t.Errorf("after a minute of life the delay is %v", d)
	}
}

func TestServiceThatCannotBeStartedSaysWhyAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.refusals = 1
		if err := b.Start(t.Context()); !errors.Is(err, errRefused) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := b.Status(); s.State != Active {
			t.Errorf("%+v", s)
		}
	})
}

func TestServiceThatDoesNotListenIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.deaf = true
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := b.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("killed after %v", took)
		}
		if s := b.last().signals; len(s) != 2 || s[1] != syscall.SIGKILL {
			t.Errorf("signals %v", s)
		}
		time.Sleep(time.Hour)
		if s := b.Status(); s.State != Inactive || len(b.launched) != 1 {
			t.Errorf("%+v after %d starts", s, len(b.launched))
		}
	})
}

func TestServiceWaitsForTheOneItNeedsButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ready := newGate()
		b.after = ready.wait
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := b.Status(); s.State != Activating || len(b.launched) != 0 {
			t.Errorf("%+v", s)
		}
		ready.open()
		synctest.Wait()
		if s := b.Status(); s.State != Active {
			t.Errorf("%+v", s)
		}
		ready.shut()
		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(readyTimeout)
		synctest.Wait()
		if s := b.Status(); s.State != Active || len(b.launched) != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestServiceIsReadyWhenItSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.ready = newGate()
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := b.Status(); s.State != Activating || s.PID == 0 {
			t.Errorf("%+v", s)
		}
		b.ready.open()
		if s := b.Status(); s.State != Active {
			t.Errorf("%+v", s)
		}
		b.last().die(nil)
		synctest.Wait()
		if closed(b.ready.wait()) {
			t.Error("a dead service is ready")
		}
	})
}

func TestStartingTwiceStartsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for range 2 {
			if err := b.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(b.launched) != 1 {
			t.Errorf("%d starts", len(b.launched))
		}
	})
}
