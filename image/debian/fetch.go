package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotFound is the reason when a mirror answers but does not have a file, as happens to old versions of packages.
var ErrNotFound = errors.New("the mirror does not have it")

// FetchError says which file could not be had from a mirror.
type FetchError struct {
	URI string
	Err error
}

// Error leaves out a password that the URI may carry.
func (e *FetchError) Error() string {
	shown := e.URI
	if u, err := url.Parse(e.URI); err == nil {
		shown = u.Redacted()
	}
	return fmt.Sprintf("fetching %q: %v", shown, e.Err)
}

// Unwrap returns the reason, such as ErrNotFound.
func (e *FetchError) Unwrap() error { return e.Err }

// Hint says what a person can look at.
func (e *FetchError) Hint() string {
	return "check the mirror's address and suite and that this machine reaches it, or name another mirror with --mirror"
}

// Client fetches files of archives into a cache. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	apt   Apt
	cache string
	root  string
	now   func() time.Time
	idle  time.Duration
	retry time.Duration
}

// NewClient returns a client that keeps what it fetched in the directory cache.
func NewClient(cache string, apt Apt) *Client {
	// 5 s are long for a handshake and short for a person who waits on a mirror that is not there.
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Client{
		http: &http.Client{Transport: &http.Transport{
			Proxy: apt.Proxy, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			ResponseHeaderTimeout: 20 * time.Second, MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second,
			DisableCompression: true,
		}},
		apt: apt, cache: cache, root: "/", now: time.Now, idle: 20 * time.Second, retry: time.Second,
	}
}

// maxRelease bounds an InRelease file, the only file that is read before its size is known. Debian's have 200 kB.
const maxRelease = 16 << 20

// text fetches a small file that no checksum is known for, uncached.
func (c *Client) text(ctx context.Context, uri string) ([]byte, error) {
	var data []byte
	err := c.try(ctx, uri, func(body io.Reader) (err error) {
		if data, err = io.ReadAll(io.LimitReader(body, maxRelease+1)); len(data) > maxRelease {
			return fmt.Errorf("it is larger than %d bytes", maxRelease)
		}
		return err
	})
	return data, err
}

// Cached returns the path of a file that is in the cache and whole, or false.
func (c *Client) Cached(sum Checksum) (string, bool) {
	path := filepath.Join(c.cache, sum.SHA256)
	f, err := os.Open(path)
	if err != nil {
		return path, false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return path, err == nil && n == sum.Size && hex.EncodeToString(h.Sum(nil)) == sum.SHA256
}

// File returns the path of a file in the cache, fetching it when it is not there or spoilt.
func (c *Client) File(ctx context.Context, uri string, sum Checksum) (string, error) {
	if path, ok := c.Cached(sum); ok {
		return path, nil
	}
	if err := os.MkdirAll(c.cache, 0o755); err != nil {
		return "", fmt.Errorf("making the package cache: %w", err)
	}
	path := filepath.Join(c.cache, sum.SHA256)
	err := c.try(ctx, uri, func(body io.Reader) error { return store(body, path, sum) })
	return path, err
}

// store writes body to path as a whole, or not at all when it is not what sum says.
func store(body io.Reader, path string, sum Checksum) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".fetch-*")
	if err != nil {
		return err
	}
	defer func() {
		tmp.Close() // a second close, after the checked one below, does nothing
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, h), io.LimitReader(body, sum.Size+1))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != sum.Size || got != sum.SHA256 {
		return fmt.Errorf("what came has %d bytes with SHA-256 %s, but %d bytes with %s were announced", n, got, sum.Size, sum.SHA256)
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// errTemporary marks answers after which another try makes sense.
var errTemporary = errors.New("try again")

// try fetches uri and hands its content to use, up to three times when the connection breaks or the server is overloaded.
// A server that cannot be reached at all is not tried again: the person should hear of it at once.
func (c *Client) try(ctx context.Context, uri string, use func(io.Reader) error) error {
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, uri, use)
		if err == nil {
			return nil
		}
		if attempt == 3 || !temporary(err) || ctx.Err() != nil {
			return &FetchError{URI: uri, Err: err}
		}
		select {
		case <-time.After(time.Duration(attempt) * c.retry):
		case <-ctx.Done():
			return &FetchError{URI: uri, Err: context.Cause(ctx)}
		}
	}
}

func temporary(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return false
	}
	var network net.Error
	return errors.Is(err, errTemporary) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

func (c *Client) once(ctx context.Context, uri string, use func(io.Reader) error) error {
	if path, ok := strings.CutPrefix(uri, "file:"); ok {
		return useFile("/"+strings.TrimLeft(path, "/"), use)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "slipway")
	resp, err := c.http.Do(req)
	if err != nil {
		return plain(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return ErrNotFound
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("the mirror answered %q: %w", resp.Status, errTemporary)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the mirror answered %q", resp.Status)
	}
	stalled := fmt.Errorf("nothing came for %s", c.idle)
	watch := time.AfterFunc(c.idle, func() { cancel(stalled) })
	defer watch.Stop()
	err = use(readerFunc(func(p []byte) (int, error) {
		watch.Reset(c.idle)
		return resp.Body.Read(p)
	}))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func useFile(path string, use func(io.Reader) error) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return use(f)
}

// plain takes off the method and address that the caller's message already names.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
