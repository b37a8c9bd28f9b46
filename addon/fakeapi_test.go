package addon_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/slipway-dev/slipway/addon"
)

// fakeAPI is an API server in memory that behaves as far as addons can tell: server-side apply by one manager, watches that begin
// with what is there, resource versions that move only when something changes, deletion with preconditions.
type fakeAPI struct {
	*httptest.Server
	// fail answers a request instead of the server and reports true, or reports false.
	fail func(w http.ResponseWriter, r *http.Request) bool
	// served are the kinds of groups that are not built in, by "group/version".
	served map[string][]map[string]any

	mu       sync.Mutex
	version  int
	objects  map[string]map[string]any // by path
	watchers map[chan map[string]any]string
	log      []string // the writes, "PATCH /api/v1/…"
}

func newFakeAPI(t *testing.T) (*fakeAPI, *addon.Client) {
	t.Helper()
	f := &fakeAPI{objects: map[string]map[string]any{}, watchers: map[chan map[string]any]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	c, err := addon.NewClient(&rest.Config{Host: f.URL})
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.fail != nil && f.fail(w, r) {
		return
	}
	gv := strings.TrimPrefix(r.URL.Path, "/apis/")
	switch {
	case r.Method == http.MethodGet && strings.Count(gv, "/") == 1:
		f.discover(w, gv)
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		f.watch(w, r)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/"+collection(r.URL.Path)):
		answer(w, http.StatusOK, map[string]any{"kind": "List", "apiVersion": "v1", "items": []any{}})
	case r.Method == http.MethodGet:
		f.get(w, r)
	case r.Method == http.MethodPatch:
		f.apply(w, r)
	case r.Method == http.MethodDelete:
		f.delete(w, r)
	default:
		status(w, http.StatusMethodNotAllowed, "MethodNotAllowed", r.Method, nil)
	}
}

// collection returns the resource when the path names all objects of it, and "" when it names one.
func collection(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "api" {
		parts = parts[2:]
	} else {
		parts = parts[3:]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return ""
}

func (f *fakeAPI) discover(w http.ResponseWriter, gv string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kinds, ok := f.served[gv]
	if !ok {
		status(w, http.StatusNotFound, "NotFound", gv, nil)
		return
	}
	answer(w, http.StatusOK, map[string]any{"kind": "APIResourceList", "groupVersion": gv, "resources": kinds})
}

func (f *fakeAPI) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.objects[r.URL.Path]
	if !ok {
		status(w, http.StatusNotFound, "NotFound", r.URL.Path, nil)
		return
	}
	answer(w, http.StatusOK, o)
}

func (f *fakeAPI) apply(w http.ResponseWriter, r *http.Request) {
	var wanted map[string]any
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		status(w, http.StatusBadRequest, "BadRequest", err.Error(), nil)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, "PATCH "+r.URL.Path)
	before := f.objects[r.URL.Path]
	metadata := wanted["metadata"].(map[string]any)
	if version, ok := metadata["resourceVersion"]; ok && (before == nil || version != before["metadata"].(map[string]any)["resourceVersion"]) {
		status(w, http.StatusConflict, "Conflict", "the object has been modified", nil)
		return
	}
	after := maps.Clone(wanted)
	metadata = maps.Clone(metadata)
	metadata["uid"], metadata["generation"], metadata["resourceVersion"] = r.URL.Path, 1, "0"
	metadata["managedFields"] = []any{map[string]any{"manager": r.URL.Query().Get("fieldManager"), "operation": "Apply"}}
	if before != nil {
		metadata["resourceVersion"] = before["metadata"].(map[string]any)["resourceVersion"]
		if s, ok := before["status"]; ok {
			after["status"] = s
		}
	}
	after["metadata"] = metadata
	f.put(r.URL.Path, normal(after))
	answer(w, http.StatusOK, f.objects[r.URL.Path])
}

// put stores an object, with a new version if it is another than before, and tells the watchers.
func (f *fakeAPI) put(path string, o map[string]any) {
	if reflect.DeepEqual(f.objects[path], o) {
		return
	}
	f.version++
	o["metadata"].(map[string]any)["resourceVersion"] = strconv.Itoa(f.version)
	f.objects[path] = normal(o)
	f.tell(path, "MODIFIED")
}

func (f *fakeAPI) tell(path, what string) {
	for ch, watched := range f.watchers {
		if watched == path {
			ch <- map[string]any{"type": what, "object": f.objects[path]}
		}
	}
}

// setStatus does a controller's work.
func (f *fakeAPI) setStatus(path string, s map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := maps.Clone(f.objects[path])
	o["status"] = s
	f.put(path, normal(o))
}

func (f *fakeAPI) delete(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, "DELETE "+r.URL.Path)
	if _, ok := f.objects[r.URL.Path]; !ok {
		status(w, http.StatusNotFound, "NotFound", r.URL.Path, nil)
		return
	}
	f.tell(r.URL.Path, "DELETED")
	delete(f.objects, r.URL.Path)
	status(w, http.StatusOK, "", "", nil)
}

func (f *fakeAPI) watch(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path + "/" + strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	events := make(chan map[string]any, 100)
	f.mu.Lock()
	if o, ok := f.objects[path]; ok {
		events <- map[string]any{"type": "ADDED", "object": o}
	}
	f.watchers[events] = path
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, events)
		f.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-events:
			if e == nil {
				return // the test ends the watch
			}
			json.NewEncoder(w).Encode(e)
			w.(http.Flusher).Flush()
		}
	}
}

// watching returns how many watches are open.
func (f *fakeAPI) watching() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.watchers)
}

// endWatches ends all watches, as a server does from time to time.
func (f *fakeAPI) endWatches() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.watchers {
		ch <- nil
	}
}

func (f *fakeAPI) writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *fakeAPI) has(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[path] != nil
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(body)
}

// status answers as the API machinery does when it has no object to show.
func status(w http.ResponseWriter, code int, reason, message string, details map[string]any) {
	body := map[string]any{"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message, "details": details}
	body["status"] = "Failure"
	if code < 300 {
		body["status"] = "Success"
	}
	answer(w, code, body)
}

// normal is an object as it looks after a journey through JSON.
func normal(o map[string]any) map[string]any {
	text, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("an object that is no JSON: %v", err))
	}
	var same map[string]any
	if err := json.Unmarshal(text, &same); err != nil {
		panic(err)
	}
	return same
}
