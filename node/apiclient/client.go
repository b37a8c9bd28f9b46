// Package apiclient talks to a Kubernetes API server about the few objects that make a cluster. It is small on purpose: the
// program that uses it is also a machine's first process, and the usual client set registers every type there is when the
// process starts. It refuses to retry; callers know how long they may wait.
package apiclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/pki"
)

// requestTimeout bounds one request: a server that has taken it and stays silent that long will not answer.
const requestTimeout = 10 * time.Second

// idleTimeout is after how long without requests a connection is given up: the process may live for years.
const idleTimeout = 30 * time.Second

// Transport makes what carries requests; it is where tests put a server of their own.
type Transport func(*tls.Config) http.RoundTripper

// Client is a connection to one API server as one user. It is safe for concurrent use.
type Client struct {
	server string
	http   *http.Client
}

// New makes a client from a kubeconfig with an embedded certificate. server replaces the kubeconfig's when it is not
// empty; transport may be nil.
func New(kubeconfig []byte, server string, transport Transport) (*Client, error) {
	k, err := pki.DecodeKubeconfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading a kubeconfig: %w", err)
	}
	cert, err := tls.X509KeyPair(k.Cert, k.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %q: %w", k.User, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(k.CA) {
		return nil, fmt.Errorf("the kubeconfig of %q names no certificate authority", k.User)
	}
	if server == "" {
		server = k.Server
	}
	c := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return &Client{server: server, http: &http.Client{Transport: transport.Make(c), Timeout: requestTimeout}}, nil
}

// Make returns what carries requests with these TLS settings. No proxy stands between a machine and itself.
func (t Transport) Make(c *tls.Config) http.RoundTripper {
	if t != nil {
		return t(c)
	}
	return &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, TLSHandshakeTimeout: requestTimeout, IdleConnTimeout: idleTimeout}
}

// Error is the API server's refusal of a request.
type Error struct {
	Method, Path string
	Code         int
	Reason       metav1.StatusReason
	Message      string
}

func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("%s %s: the API server answered %d", e.Method, e.Path, e.Code)
}

// IsNotFound reports whether the object, or the namespace it is to be in, does not exist.
func IsNotFound(err error) bool { return hasReason(err, metav1.StatusReasonNotFound) }

// IsForbidden reports whether the user may not do that.
func IsForbidden(err error) bool { return hasReason(err, metav1.StatusReasonForbidden) }

func isExisting(err error) bool { return hasReason(err, metav1.StatusReasonAlreadyExists) }

func hasReason(err error, reason metav1.StatusReason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == reason
}

// IsTransient reports whether trying again may help: the server is not there yet, is busy, or is still setting itself up.
// A server says NotFound for objects in namespaces, and Forbidden to users with roles, that it is about to make.
func IsTransient(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return err != nil && !errors.Is(err, context.Canceled)
	}
	switch {
	case e.Code >= 500, e.Code == http.StatusTooManyRequests:
		return true
	case e.Reason == metav1.StatusReasonConflict, e.Reason == metav1.StatusReasonForbidden, e.Reason == metav1.StatusReasonNotFound:
		return true
	}
	return false
}

// Get reads an object, or with a path such as /readyz asks a question whose answer is only yes or no; into may be nil.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, "", nil, into)
}

// do sends one request. A nil body sends none, a nil into drops the answer.
func (c *Client) do(ctx context.Context, method, path, contentType string, body, into any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "slipway")
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(method, path, resp.StatusCode, data)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	return nil
}

func refusal(method, path string, code int, data []byte) error {
	e := &Error{Method: method, Path: path, Code: code}
	var status metav1.Status
	if json.Unmarshal(data, &status) == nil {
		e.Reason, e.Message = status.Reason, status.Message
	}
	return e
}
