package addon_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/plan"
)

const mapPath = "/api/v1/namespaces/kube-system/configmaps/"

func boats(version string, names ...string) addon.Addon {
	a := addon.Addon{Name: "boats", Version: version}
	for _, n := range names {
		a.Objects = append(a.Objects, configMap(n))
	}
	return a
}

func TestInstallRemovesWhatTheAddonHasNoMore(t *testing.T) {
	f, c := newFakeAPI(t)
	install := func(a addon.Addon) addon.Result {
		t.Helper()
		result, err := addon.Install(t.Context(), c, []addon.Addon{a}, addon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if r := install(boats("v1", "a", "b")); r.Count(addon.Created) != 2 {
		t.Errorf("%v", r)
	}
	if r := install(boats("v2", "b", "c")); r.Count(addon.Created) != 1 || r.Count(addon.Unchanged) != 1 || r.Count(addon.Deleted) != 1 {
		t.Errorf("%v", r)
	}
	if f.has(mapPath+"a") || !f.has(mapPath+"b") || !f.has(mapPath+"c") {
		t.Error("the wrong object was removed")
	}
	inv, err := addon.LoadInventory(t.Context(), c, "boats")
	if err != nil || inv.Version != "v2" || len(inv.Objects) != 2 {
		t.Errorf("%+v, %v", inv, err)
	}
	writes := len(f.writes())
	if r := install(boats("v2", "b", "c")); r.Changed() {
		t.Errorf("%v", r)
	}
	for _, w := range f.writes()[writes:] {
		if strings.Contains(w, "slipway-addon") {
			t.Errorf("an inventory that is right was written again: %s", w)
		}
	}
}

func TestAnInterruptedStartIsRemembered(t *testing.T) {
	f, c := newFakeAPI(t)
	f.fail = func(w http.ResponseWriter, r *http.Request) bool {
		bad := r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/b")
		if bad {
			status(w, 422, "Invalid", "no", nil)
		}
		return bad
	}
	if _, err := addon.Start(t.Context(), c, boats("v1", "a", "b"), addon.Options{}); err == nil || !strings.HasPrefix(err.Error(), `addon "boats": applying ConfigMap kube-system/b: `) {
		t.Fatalf("%v", err)
	}
	f.fail = nil
	if _, err := addon.Install(t.Context(), c, []addon.Addon{boats("v2", "c")}, addon.Options{}); err != nil {
		t.Fatal(err)
	}
	if f.has(mapPath + "a") {
		t.Error("what the interrupted start made is still there")
	}
}

func TestNothingIsRemovedBeforeTheAddonIsHealthy(t *testing.T) {
	f, c := newFakeAPI(t)
	if _, err := addon.Install(t.Context(), c, []addon.Addon{boats("v1", "a")}, addon.Options{}); err != nil {
		t.Fatal(err)
	}
	sick := boats("v2", "b")
	sick.Objects = append(sick.Objects, daemon(t, "d"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := addon.Install(ctx, c, []addon.Addon{sick}, addon.Options{}); err == nil {
		t.Fatal("no error")
	}
	if !f.has(mapPath + "a") {
		t.Error("a was removed")
	}
}

func TestWhatCannotBeRemovedIsTriedAgain(t *testing.T) {
	f, c := newFakeAPI(t)
	if _, err := addon.Install(t.Context(), c, []addon.Addon{boats("v1", "a", "b")}, addon.Options{}); err != nil {
		t.Fatal(err)
	}
	f.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			status(w, 422, "Invalid", "no", nil)
		}
		return r.Method == http.MethodDelete
	}
	if _, err := addon.Install(t.Context(), c, []addon.Addon{boats("v2", "b")}, addon.Options{}); err == nil || !strings.Contains(err.Error(), "removing ConfigMap kube-system/a: ") {
		t.Fatalf("%v", err)
	}
	f.fail = nil
	result, err := addon.Install(t.Context(), c, []addon.Addon{boats("v2", "b")}, addon.Options{})
	if err != nil || result.Count(addon.Deleted) != 1 || f.has(mapPath+"a") {
		t.Errorf("%v, %v", result, err)
	}
}

func TestTwoWhoApplyTheSameAddonAtOnceDoNotPruneEachOther(t *testing.T) {
	f, c := newFakeAPI(t)
	if _, err := addon.Install(t.Context(), c, []addon.Addon{boats("v1", "a")}, addon.Options{}); err != nil {
		t.Fatal(err)
	}
	meddled := false
	f.fail = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/slipway-addon-boats") && !meddled {
			meddled = true // somebody writes between reading and writing
			f.setStatus(r.URL.Path, map[string]any{"by": "somebody"})
		}
		return false
	}
	if _, err := addon.Start(t.Context(), c, boats("v2", "b"), addon.Options{}); err == nil || !strings.Contains(err.Error(), "somebody else applies this addon") {
		t.Errorf("%v", err)
	}
	if f.has(mapPath + "b") {
		t.Error("b was applied")
	}
}

func TestADamagedInventoryIsRefused(t *testing.T) {
	f, c := newFakeAPI(t)
	for _, list := range []string{"", "[", "{}", `[{"kind":"ConfigMap"}]`, `[{"apiVersion":"v1","kind":"ConfigMap","name":"a","more":1}]`, "[] []"} {
		f.objects[mapPath+"slipway-addon-boats"] = map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"resourceVersion": "1"}, "data": map[string]any{"objects.json": list},
		}
		if _, err := addon.LoadInventory(t.Context(), c, "boats"); err == nil || !strings.Contains(err.Error(), "ConfigMap kube-system/slipway-addon-boats") {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestInstallReportsHowManyAddonsAreDone(t *testing.T) {
	f, c := newFakeAPI(t)
	slow := addon.Addon{Name: "slow", Version: "v1", Objects: []*unstructured.Unstructured{daemon(t, "d")}}
	var events []plan.Event
	report := func(ev plan.Event) {
		events = append(events, ev)
		if ev.Current == 1 && !slices.ContainsFunc(events[:len(events)-1], func(e plan.Event) bool { return e.Current == 1 }) {
			go f.setStatus(daemonPath+"d", available())
		}
	}
	if _, err := addon.Install(t.Context(), c, []addon.Addon{slow, boats("v1", "a")}, addon.Options{Report: report}); err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	if last.Current != 2 || last.Total != 2 || last.Unit != "addons" || last.Message != "" {
		t.Errorf("%+v", events)
	}
}
