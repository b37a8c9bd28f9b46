package engine

import "time"

// A machine that dies is started again at once; one that keeps dying is started more and more rarely, so that it neither
// burns the host nor stays down for long once its trouble is over.
const (
	// 0+1+2+4+8+16+30+30… s: a machine that never comes up costs two starts a minute.
	longestPause = 30 * time.Second
	// A machine that has lived this long has proved itself.
	provenAfter = time.Minute
)

// backoff decides how long to wait before a start. Its zero value is ready.
type backoff struct{ failures int }

// next returns the pause before the next start of something that lived that long.
func (b *backoff) next(lived time.Duration) time.Duration {
	if lived >= provenAfter {
		b.failures = 0
	}
	b.failures++
	if b.failures == 1 {
		return 0
	}
	// 2^5 s is past the longest pause; stopping there keeps the shift from overflowing.
	return min(time.Second<<min(b.failures-2, 5), longestPause)
}
