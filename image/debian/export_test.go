package debian

import "time"

// WithClock sets the client's clock and makes it try again at once.
func (c *Client) WithClock(now time.Time) *Client {
	c.now, c.retry = func() time.Time { return now }, time.Millisecond
	return c
}
