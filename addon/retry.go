package addon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

const (
	// defaultPatience is longer than an API server takes to answer on a slow machine after its process has started (3–10 s), with
	// a restart of its static pod in between.
	defaultPatience = 30 * time.Second
	// seedingPatience is how long what the API server makes itself after its first answer (system namespaces, default roles,
	// the routes of a new kind) may be missing. It takes well under a second; after ten, the answer is meant.
	seedingPatience = 10 * time.Second
	// attemptTimeout ends a request that is never answered, as when the server is killed behind a load balancer.
	attemptTimeout = 15 * time.Second
	firstDelay     = 50 * time.Millisecond
	longestDelay   = time.Second
)

// patiently makes a request again for as long as its error means that the API is not ready yet. The error is the last one.
func (c *Client) patiently(ctx context.Context, o Options, request func(context.Context) error) error {
	var waited time.Duration
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		err := c.attempt(ctx, request)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
		why, patience := notReadyYet(err, o.patience())
		if errors.Is(err, context.DeadlineExceeded) {
			waited += attemptTimeout
		}
		if why == "" || waited >= patience {
			return err
		}
		o.Report.Say("waiting for the API: " + why)
		if ended := pause(ctx, delay); ended != nil {
			return fmt.Errorf("%w (%w)", ended, err)
		}
		waited += delay
	}
}

func (c *Client) attempt(ctx context.Context, request func(context.Context) error) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return request(ctx)
}

func (o Options) patience() time.Duration {
	switch {
	case o.Patience == 0:
		return defaultPatience
	case o.Patience < 0:
		return 0
	}
	return o.Patience
}

// notReadyYet says why an error is worth waiting for and how long at most, or "" when repeating the request would not help.
func notReadyYet(err error, patience time.Duration) (why string, most time.Duration) {
	seeding := min(patience, seedingPatience)
	var unknown *UnknownKindError
	switch {
	case errors.As(err, &unknown):
		// The definition may have been applied a moment ago; the server routes a kind only some time after it is Established.
		return "it does not serve " + unknown.Kind.Kind + " yet", seeding
	case utilnet.IsConnectionRefused(err):
		return "nothing listens yet", patience
	case unreachable(err):
		return "it cannot be reached yet", patience // the machine's network is being set up
	case errors.Is(err, io.ErrUnexpectedEOF), utilnet.IsProbableEOF(err), utilnet.IsConnectionReset(err), utilnet.IsHTTP2ConnectionLost(err):
		return "it closed the connection", patience // a load balancer without a backend, or a server that restarts
	case isTimeout(err):
		return "it did not answer in time", patience
	case apierrors.IsServiceUnavailable(err):
		return "it is still starting", patience // 503 until storage is there
	case apierrors.IsServerTimeout(err), apierrors.IsTimeout(err):
		return "its storage does not answer yet", patience // etcd without a leader, or a slow first write
	case apierrors.IsTooManyRequests(err):
		return "it is busy", patience
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return "", 0 // is also a 403, and does not pass
	case apierrors.IsForbidden(err):
		return "access rules are not loaded yet", seeding // the default roles are written after the first answer
	case apierrors.IsNotFound(err):
		// Apply creates, so it is the object's namespace (kube-system is made by the server itself, after its first answer) or the
		// route of its kind that is not there.
		return "the namespace or the kind is not there yet", seeding
	}
	return "", 0
}

// unreachable reports whether no connection came about, for a reason other than a name that does not exist.
func unreachable(err error) bool {
	var op *net.OpError
	var name *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" && !errors.As(err, &name)
}

// isTimeout reports whether the request, not the server, ran out of time.
func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
