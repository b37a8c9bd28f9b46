package agent

import "time"

const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 10 * time.Second
	// healthyLife is how long a service must have lived for its next death to count as the first.
	healthyLife = time.Minute
)

// nextDelay is how long to wait before a service is started again: 0.1, 0.2, 0.4 … 10 s.
func nextDelay(last, lived time.Duration) time.Duration {
	if last == 0 || lived >= healthyLife {
		return firstDelay
	}
	return min(2*last, lastDelay)
}
