package plan

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Executor applies plans.
type Executor struct {
	// Report is told of each event, one at a time; nil drops them.
	Report Reporter
	// Journal records an intent before and a result after each step; nil keeps none.
	Journal *Journal
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// StepError is the error of the step at which a plan stopped.
type StepError struct {
	Step Step
	Err  error
}

func (e *StepError) Error() string { return e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// Apply runs the steps of p, each as soon as those it needs are done, and returns when none is running any more. After a
// failure or when ctx ends no further step starts, and those that run are cancelled. The error is the first failure, a
// *StepError. Nothing is undone by itself: applying a new plan goes on from what is there.
func (e Executor) Apply(ctx context.Context, p Plan) error {
	if err := p.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &application{Executor: e, plan: p, done: map[string]chan struct{}{}, cancel: cancel}
	for _, s := range p.Steps {
		run.done[s.ID] = make(chan struct{})
	}
	var running sync.WaitGroup
	for i := range p.Steps {
		running.Go(func() { run.step(ctx, i) })
	}
	running.Wait()
	return run.failure
}

// application is one run of a plan.
type application struct {
	Executor
	plan   Plan
	done   map[string]chan struct{} // closed when the step has succeeded
	cancel context.CancelFunc

	mu      sync.Mutex // orders events, journal records and failure
	failure error
}

func (a *application) step(ctx context.Context, i int) {
	s := a.plan.Steps[i]
	for _, need := range a.plan.needs(i) {
		select {
		case <-a.done[need]:
		case <-ctx.Done():
			a.fail(Step{}, context.Cause(ctx)) // kept only when nothing else failed first
			return
		}
	}
	if ctx.Err() != nil {
		a.fail(Step{}, context.Cause(ctx))
		return
	}
	if err := a.run(ctx, s); err != nil {
		a.fail(s, err)
		return
	}
	close(a.done[s.ID])
}

// run is one step between its intent and its result.
func (a *application) run(ctx context.Context, s Step) error {
	started := a.now()
	told := Event{Title: s.Title, Object: s.Object}
	tell := func(ev Event) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if ev.Object != "" {
			told.Object = ev.Object
		}
		if ev.Phase == Done && ev.Message == "" {
			ev.Message = told.Message
		} else if ev.Phase == Progressed && ev.Total == 0 && ev.Message != "" {
			told.Message = ev.Message
		}
		ev.Plan, ev.Step, ev.Title, ev.Object = a.plan.Name, s.ID, told.Title, told.Object
		ev.Time = a.now()
		ev.Elapsed = ev.Time.Sub(started)
		if a.Report != nil {
			a.Report(ev)
		}
	}
	if err := a.record(intentOf(a.plan, s, started)); err != nil {
		return err
	}
	tell(Event{Phase: Started})
	err := s.Run(ctx, tell)
	if rerr := a.record(resultOf(a.plan, s, a.now(), err)); rerr != nil {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		tell(Event{Phase: Failed, Error: err.Error()})
		return err
	}
	tell(Event{Phase: Done})
	return nil
}

func (a *application) fail(s Step, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure == nil {
		a.failure = &StepError{Step: s, Err: err}
	}
	a.cancel()
}

func (a *application) record(r Record) error {
	if a.Journal == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.Journal.Append(r); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

func (a *application) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}
