package main

import (
	"sync"

	"github.com/flannel-io/flannel/pkg/lease"
)

// bell says that something has happened, once for any number of times that nobody was listening. Made with room for one.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// queue holds events until the backend takes them. It has no limit, so that adding never blocks: the informer that adds must
// go on, or the event that the backend waits for would never come.
type queue struct {
	arrived bell
	mu      sync.Mutex
	events  []lease.Event
}

func (q *queue) add(e lease.Event) {
	q.mu.Lock()
	q.events = append(q.events, e)
	q.mu.Unlock()
	q.arrived.ring()
}

// take returns all events and empties the queue.
func (q *queue) take() []lease.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.events
	q.events = nil
	return events
}
