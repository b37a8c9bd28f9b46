package debian

import (
	"sync"

	"github.com/slipway-dev/slipway/plan"
)

// counter adds up what several downloads have fetched.
type counter struct {
	mu          sync.Mutex
	report      plan.Reporter
	have, total int64
}

func newCounter(packages []LockedPackage, report plan.Reporter) *counter {
	c := &counter{report: report}
	for _, p := range packages {
		c.total += p.Size
	}
	return c
}

func (c *counter) done(p LockedPackage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.have += p.Size
	c.report.Count(c.have, c.total, "bytes", p.Name)
}
