package addon

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Ref names one object of a cluster.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// RefOf returns the name of an object.
func RefOf(o *unstructured.Unstructured) Ref {
	return Ref{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// String is how a person names the object: "Deployment kube-system/coredns".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Same reports whether both name the same object, in whatever version of its API.
func (r Ref) Same(other Ref) bool { return r.identity() == other.identity() }

// identity is the Ref without the version.
func (r Ref) identity() Ref {
	r.APIVersion = r.gvk().Group
	return r
}

func (r Ref) gvk() schema.GroupVersionKind { return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind) }

func refs(objects []*unstructured.Unstructured) []Ref {
	all := make([]Ref, len(objects))
	for i, o := range objects {
		all[i] = RefOf(o)
	}
	return all
}

// union returns all of both, each once, in a fixed order. Where versions differ, that of b is taken.
func union(a, b []Ref) []Ref {
	return sorted(append(without(a, b), b...))
}

// without returns the refs of a that b has not.
func without(a, b []Ref) []Ref {
	has := map[Ref]bool{}
	for _, r := range b {
		has[r.identity()] = true
	}
	var left []Ref
	for _, r := range a {
		if !has[r.identity()] {
			left = append(left, r)
		}
	}
	return left
}

func sorted(all []Ref) []Ref {
	return slices.SortedFunc(slices.Values(all), func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.APIVersion, b.APIVersion),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// Unstructured turns typed objects, which must carry their apiVersion and kind, into what is applied. The status and fields that
// are null are left out: who applies a field owns it, and these are not an addon's to own.
func Unstructured(objects ...runtime.Object) ([]*unstructured.Unstructured, error) {
	all := make([]*unstructured.Unstructured, 0, len(objects))
	for _, o := range objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, fmt.Errorf("converting a %T: %w", o, err)
		}
		delete(content, "status")
		dropEmpty(content)
		if spec, ok := content["spec"].(map[string]any); ok && len(spec) == 0 {
			delete(content, "spec")
		}
		u := &unstructured.Unstructured{Object: content}
		if u.GetAPIVersion() == "" || u.GetKind() == "" || u.GetName() == "" {
			return nil, fmt.Errorf("a %T without apiVersion, kind or name (%q, %q, %q)", o, u.GetAPIVersion(), u.GetKind(), u.GetName())
		}
		all = append(all, u)
	}
	return all, nil
}

// dropEmpty removes null fields and the structs that Go's types always print though nothing is set in them.
func dropEmpty(m map[string]any) {
	for key, value := range m {
		switch v := value.(type) {
		case nil:
			delete(m, key)
		case map[string]any:
			dropEmpty(v)
			if len(v) == 0 && alwaysPrinted(key) {
				delete(m, key)
			}
		case []any:
			for _, item := range v {
				if inner, ok := item.(map[string]any); ok {
					dropEmpty(inner)
				}
			}
		}
	}
}

// alwaysPrinted lists the fields of the built-in types that are structs without a way to be absent. Others mean something when
// they are empty: emptyDir: {}, or podSelector: {} of a network policy.
func alwaysPrinted(key string) bool {
	switch key {
	case "resources", "strategy", "updateStrategy", "metadata":
		return true
	}
	return false
}
