// Package apitest is an API server in memory for tests: objects by path, with the answers that the real one gives to creating,
// reading, replacing and patching them. It needs no network; its Transport answers every request itself.
package apitest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Server is the fake. The zero value refuses connections, as one that has not started; Start makes it answer.
type Server struct {
	mu      sync.Mutex
	running bool
	version int
	objects map[string]map[string]any
	writes  []string
}

// Start makes the server answer, with the namespaces that a real one makes by itself.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return
	}
	s.running = true
	if s.objects == nil {
		s.objects = map[string]map[string]any{}
	}
	for _, ns := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		s.objects["/api/v1/namespaces/"+ns] = map[string]any{"kind": "Namespace", "metadata": map[string]any{"name": ns}}
	}
}

// Stop makes the server refuse connections; its objects stay.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
}

// Put puts an object at a path such as /api/v1/nodes/a.
func (s *Server) Put(at string, object map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(at, object)
}

// Object returns the object at a path, or nil.
func (s *Server) Object(at string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[at]
}

// Paths lists the objects.
func (s *Server) Paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for p := range s.objects {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// Writes lists the requests that changed something.
func (s *Server) Writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// Transport answers requests; it suits apiclient.Transport.
func (s *Server) Transport(*tls.Config) http.RoundTripper { return s }

// RoundTrip answers one request.
func (s *Server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if !s.running {
		return nil, errors.New("connection refused")
	}
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body) // from memory
	}
	code, answer := s.answer(req, body)
	data, err := json.Marshal(answer)
	return &http.Response{StatusCode: code, Request: req, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(data))}, err
}

func (s *Server) answer(req *http.Request, body []byte) (int, any) {
	at := req.URL.Path
	switch base := path.Base(at); {
	case slices.Contains([]string{"livez", "readyz", "healthz"}, base):
		return http.StatusOK, "ok"
	case req.Method == http.MethodPost:
		return s.create(at, body)
	case s.objects[at] == nil:
		return refuse(http.StatusNotFound, metav1.StatusReasonNotFound, at)
	case req.Method == http.MethodGet:
		return http.StatusOK, s.objects[at]
	case req.Method == http.MethodPut:
		return s.replace(at, body)
	case req.Method == http.MethodPatch:
		old, _ := json.Marshal(s.objects[at])
		patched, err := jsonpatch.MergePatch(old, body)
		if err != nil {
			return refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, at)
		}
		return s.replace(at, patched)
	}
	return refuse(http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, at)
}

func (s *Server) create(collection string, body []byte) (int, any) {
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil {
		return refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, collection)
	}
	if ns := namespaceOf(collection); ns != "" && s.objects["/api/v1/namespaces/"+ns] == nil {
		return refuse(http.StatusNotFound, metav1.StatusReasonNotFound, ns)
	}
	at := collection + "/" + field(o, "name")
	if s.objects[at] != nil {
		return refuse(http.StatusConflict, metav1.StatusReasonAlreadyExists, at)
	}
	s.writes = append(s.writes, "create "+at)
	s.store(at, o)
	return http.StatusCreated, o
}

func (s *Server) replace(at string, body []byte) (int, any) {
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil {
		return refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, at)
	}
	if v := field(o, "resourceVersion"); v != "" && v != field(s.objects[at], "resourceVersion") {
		return refuse(http.StatusConflict, metav1.StatusReasonConflict, at)
	}
	s.writes = append(s.writes, "replace "+at)
	s.store(at, o)
	return http.StatusOK, o
}

func (s *Server) store(at string, o map[string]any) {
	s.version++
	meta, _ := o["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		o["metadata"] = meta
	}
	meta["resourceVersion"] = fmt.Sprint(s.version)
	if meta["uid"] == nil {
		meta["uid"] = fmt.Sprintf("uid-%d", s.version)
	}
	s.objects[at] = o
}

func field(o map[string]any, name string) string {
	meta, _ := o["metadata"].(map[string]any)
	value, _ := meta[name].(string)
	return value
}

func namespaceOf(collection string) string {
	_, rest, ok := strings.Cut(collection, "/namespaces/")
	if !ok {
		return ""
	}
	ns, _, _ := strings.Cut(rest, "/")
	return ns
}

func refuse(code int, reason metav1.StatusReason, about string) (int, any) {
	return code, metav1.Status{Code: int32(code), Reason: reason, Message: fmt.Sprintf("%s: %s", reason, about)}
}
