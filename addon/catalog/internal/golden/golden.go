// Package golden compares rendered addons with the files that hold what they should be.
package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/addon"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Typed compares typed objects with testdata/<file>.
func Typed(t *testing.T, file string, objects []runtime.Object) {
	t.Helper()
	all, err := addon.Unstructured(objects...)
	if err != nil {
		t.Fatal(err)
	}
	Objects(t, file, all)
}

// Objects compares objects with testdata/<file>.
func Objects(t *testing.T, file string, objects []*unstructured.Unstructured) {
	t.Helper()
	var got bytes.Buffer
	for i, o := range objects {
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			got.WriteString("---\n")
		}
		got.Write(text)
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is not what was rendered (go test -update writes it anew):\n%s", path, got.Bytes())
	}
}
