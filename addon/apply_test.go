package addon_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/plan"
)

func configMap(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "kube-system"}, "data": map[string]any{"a": "b"},
	}}
}

func TestApplyGoesFromDefinitionsToWorkloads(t *testing.T) {
	f, c := newFakeAPI(t)
	f.served = map[string][]map[string]any{"boats.example/v1": {{"name": "boats", "kind": "Boat", "namespaced": true}, {"name": "boats/status", "kind": "Boat", "namespaced": true}}}
	result, err := addon.Apply(t.Context(), c, []*unstructured.Unstructured{
		object(t, "{apiVersion: boats.example/v1, kind: Boat, metadata: {name: a, namespace: x}}"),
		object(t, "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: a, namespace: x}}"),
		object(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: x}}"),
		object(t, "{apiVersion: v1, kind: Namespace, metadata: {name: x}}"),
	}, addon.Options{})
	if err != nil || result.Count(addon.Created) != 4 {
		t.Fatalf("%v, %v", result, err)
	}
	want := []string{
		"PATCH /api/v1/namespaces/x", "PATCH /api/v1/namespaces/x/serviceaccounts/a",
		"PATCH /apis/apps/v1/namespaces/x/daemonsets/a", "PATCH /apis/boats.example/v1/namespaces/x/boats/a",
	}
	if got := f.writes(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestApplyTellsWhatBecameOfEachObject(t *testing.T) {
	_, c := newFakeAPI(t)
	a, b := configMap("a"), configMap("b")
	for _, step := range []struct {
		objects []*unstructured.Unstructured
		want    []addon.Outcome
	}{
		{[]*unstructured.Unstructured{a}, []addon.Outcome{addon.Created}},
		{[]*unstructured.Unstructured{a, b}, []addon.Outcome{addon.Unchanged, addon.Created}},
		{[]*unstructured.Unstructured{object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: kube-system}, data: {a: c}}"), b}, []addon.Outcome{addon.Changed, addon.Unchanged}},
	} {
		result, err := addon.Apply(t.Context(), c, step.objects, addon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range step.want {
			if result[i].Outcome != want {
				t.Errorf("%v, want %v", result, step.want)
			}
		}
	}
}

func TestApplyWaitsForAnAPIThatIsNotReadyYet(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"it is still starting":            func(w http.ResponseWriter) { http.Error(w, "starting", http.StatusServiceUnavailable) },
		"it closed the connection":        func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"access rules are not loaded yet": func(w http.ResponseWriter) { status(w, http.StatusForbidden, "Forbidden", "no", nil) },
		"its storage does not answer yet": func(w http.ResponseWriter) {
			status(w, http.StatusInternalServerError, "ServerTimeout", "no leader", nil)
		},
		"the namespace or the kind is not there yet": func(w http.ResponseWriter) {
			status(w, http.StatusNotFound, "NotFound", "no namespace", map[string]any{"kind": "namespaces"})
		},
	}
	for why, answer := range answers {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			f, c := newFakeAPI(t)
			var asked atomic.Int32
			f.fail = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPatch || asked.Add(1) > 2 {
					return false
				}
				answer(w)
				return true
			}
			var said []string
			result, err := addon.Apply(t.Context(), c, []*unstructured.Unstructured{configMap("a")}, addon.Options{
				Report: func(ev plan.Event) { said = append(said, ev.Message) },
			})
			if err != nil || result.Count(addon.Created) != 1 {
				t.Fatalf("%v, %v", result, err)
			}
			if len(said) != 2 || !strings.HasSuffix(said[0], why) {
				t.Errorf("%q, want twice %q", said, why)
			}
		})
	}
}

func TestApplyDoesNotWaitWhenThatWouldNotHelp(t *testing.T) {
	for name, test := range map[string]struct {
		answer  func(http.ResponseWriter)
		options addon.Options
	}{
		"no patience":       {func(w http.ResponseWriter) { status(w, 503, "ServiceUnavailable", "no", nil) }, addon.Options{Patience: -1}},
		"invalid object":    {func(w http.ResponseWriter) { status(w, 422, "Invalid", "no", nil) }, addon.Options{}},
		"wrong credentials": {func(w http.ResponseWriter) { status(w, 401, "Unauthorized", "no", nil) }, addon.Options{}},
		"a namespace that leaves": {func(w http.ResponseWriter) {
			status(w, 403, "Forbidden", "leaving", map[string]any{"causes": []any{map[string]any{"reason": "NamespaceTerminating"}}})
		}, addon.Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newFakeAPI(t)
			var asked atomic.Int32
			f.fail = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPatch {
					return false
				}
				asked.Add(1)
				test.answer(w)
				return true
			}
			_, err := addon.Apply(t.Context(), c, []*unstructured.Unstructured{configMap("a")}, test.options)
			if err == nil || asked.Load() != 1 || !strings.Contains(err.Error(), "applying ConfigMap kube-system/a: ") {
				t.Errorf("%v after %d requests", err, asked.Load())
			}
		})
	}
}

func TestApplyReportsEveryObjectThatIsRefused(t *testing.T) {
	f, c := newFakeAPI(t)
	f.fail = func(w http.ResponseWriter, r *http.Request) bool {
		bad := r.Method == http.MethodPatch && !strings.HasSuffix(r.URL.Path, "/b")
		if bad {
			status(w, http.StatusConflict, "Conflict", "Apply failed with 1 conflict", map[string]any{"causes": []any{
				map[string]any{"reason": "FieldManagerConflict", "message": `conflict with "kubectl-edit" with subresource "scale" using apps/v1`, "field": ".data.a"},
			}})
		}
		return bad
	}
	result, err := addon.Apply(t.Context(), c, []*unstructured.Unstructured{configMap("a"), configMap("b"), configMap("c")}, addon.Options{})
	if result.Count(addon.Created) != 1 {
		t.Errorf("%v", result)
	}
	want := `applying ConfigMap kube-system/a: .data.a belongs to "kubectl-edit"` + "\n" + `applying ConfigMap kube-system/c: .data.a belongs to "kubectl-edit"`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestApplyReportsAnUnreachableAPIOnce(t *testing.T) {
	f, c := newFakeAPI(t)
	f.Close()
	_, err := addon.Apply(t.Context(), c, []*unstructured.Unstructured{configMap("a"), configMap("b"), configMap("c")}, addon.Options{Patience: -1})
	if err == nil || strings.Count(err.Error(), "connection refused") != 1 {
		t.Errorf("%v", err)
	}
}

func TestApplyRefusesObjectsThatCannotBeMeant(t *testing.T) {
	_, c := newFakeAPI(t)
	for name, test := range map[string]struct {
		objects []*unstructured.Unstructured
		want    string
	}{
		"twice the same":            {[]*unstructured.Unstructured{configMap("a"), configMap("a")}, "ConfigMap kube-system/a is there twice"},
		"a namespaced kind without": {[]*unstructured.Unstructured{object(t, "{apiVersion: v1, kind: Secret, metadata: {name: a}}")}, "Secret a has no namespace"},
		"a cluster-wide kind with":  {[]*unstructured.Unstructured{object(t, "{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: b}}")}, "Namespace b/a has a namespace"},
		"a kind that is not there":  {[]*unstructured.Unstructured{object(t, "{apiVersion: boats.example/v1, kind: Boat, metadata: {name: a}}")}, `knows no kind "Boat" in "boats.example/v1"`},
	} {
		_, err := addon.Apply(t.Context(), c, test.objects, addon.Options{Patience: -1})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q in it", name, err, test.want)
		}
	}
}

func TestAnAppliedObjectWhoseAnswerWasLostCountsAsCreated(t *testing.T) {
	f, c := newFakeAPI(t)
	var asked atomic.Int32
	f.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && asked.Add(1) == 1 {
			f.apply(discard{}, r)
			panic(http.ErrAbortHandler)
		}
		return false
	}
	result, err := addon.Apply(t.Context(), c, []*unstructured.Unstructured{configMap("a")}, addon.Options{})
	if err != nil || result.Count(addon.Created) != 1 {
		t.Errorf("%v, %v", result, err)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
