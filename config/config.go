// Package config holds the component configurations that Slipway writes: typed objects with kubeadm's defaults laid under
// what the user gave, read strictly and rendered as YAML. It refuses to guess: a field or kind it does not know is an error
// that names the nearest one it does.
package config

import (
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"
)

// Render writes a configuration object as YAML.
func Render(object any) ([]byte, error) {
	data, err := yaml.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("rendering a configuration: %w", err)
	}
	return data, nil
}

// Note tells a user that a value differs from what the rest of the cluster expects. It is advice, the value is kept.
type Note struct {
	Kind, Field   string
	Expected, Got any
}

func (n Note) String() string {
	return fmt.Sprintf("%s: the recommended value for %q is %v, the given one is %v", n.Kind, n.Field, n.Expected, n.Got)
}

// notes collects advice about one kind.
type notes struct {
	kind string
	list []Note
}

// fill sets a field that is empty and notes one that the user set otherwise.
func fill[T comparable](n *notes, name string, field *T, value T) {
	var none T
	switch *field {
	case none:
		*field = value
	case value:
	default:
		n.list = append(n.list, Note{n.kind, name, value, *field})
	}
}

// fillPointer is fill for a field whose absence is a nil pointer.
func fillPointer[T comparable](n *notes, name string, field **T, value T) {
	switch {
	case *field == nil:
		*field = &value
	case **field != value:
		n.list = append(n.list, Note{n.kind, name, value, **field})
	}
}

// fillList is fill for a list.
func fillList[T comparable](n *notes, name string, field *[]T, value []T) {
	switch {
	case *field == nil:
		*field = value
	case !slices.Equal(*field, value):
		n.list = append(n.list, Note{n.kind, name, value, *field})
	}
}
