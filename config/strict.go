package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// UnknownFieldError is a field that the kind does not have.
type UnknownFieldError struct {
	// Path of the field, such as "apiServer.extraArg".
	Path string
	// Nearest is the field of the same object with the most similar name, or empty.
	Nearest string
}

func (e *UnknownFieldError) Error() string {
	if e.Nearest == "" {
		return fmt.Sprintf("unknown field %q", e.Path)
	}
	return fmt.Sprintf("unknown field %q, did you mean %q?", e.Path, e.Nearest)
}

// Decode reads one YAML or JSON document into a pointer to a struct. It refuses unknown and repeated fields, all of them
// at once, so that a user need not correct them one by one.
func Decode(document []byte, into any) error {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	if unknown := unknownFields(data, reflect.TypeOf(into)); len(unknown) > 0 {
		return errors.Join(unknown...)
	}
	strict, err := kjson.UnmarshalStrict(data, into)
	return errors.Join(append(strict, err)...)
}

func unknownFields(data []byte, t reflect.Type) []error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil // reported by the decoder proper
	}
	var found []error
	walk(value, t, "", &found)
	return found
}

// walk goes through value and its type together and notes the fields that the type lacks.
func walk(value any, t reflect.Type, path string, found *[]error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case []any:
		if t.Kind() == reflect.Slice {
			for i, item := range v {
				walk(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), found)
			}
		}
	case map[string]any:
		switch {
		case t.Kind() == reflect.Map:
			for _, name := range names(v) {
				walk(v[name], t.Elem(), join(path, name), found)
			}
		case t.Kind() == reflect.Struct && !decodesItself(t):
			walkStruct(v, t, path, found)
		}
	}
}

func walkStruct(v map[string]any, t reflect.Type, path string, found *[]error) {
	fields := map[string]reflect.Type{}
	collect(t, fields)
	for _, name := range names(v) {
		field, ok := fields[name]
		if !ok {
			*found = append(*found, &UnknownFieldError{Path: join(path, name), Nearest: Nearest(name, names(fields))})
			continue
		}
		walk(v[name], field, join(path, name), found)
	}
}

// collect lists the fields of a struct by their JSON names, those of embedded structs included.
func collect(t reflect.Type, fields map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && f.Anonymous:
			collect(f.Type, fields)
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
}

func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

func names[T any](m map[string]T) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
