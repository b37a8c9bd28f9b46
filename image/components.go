package image

import (
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-dev/slipway/image/oci"
)

// searchPath is where containers look for programs, as in upstream's images.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// certificates is where programs look for the certificates of public authorities.
const certificates = "etc/ssl/certs/ca-certificates.crt"

// images makes the container images of all components. Each layer is made once, however many images share it.
func (b *builder) images() ([]oci.Named, error) {
	made := map[string]*oci.Layer{}
	var images []oci.Named
	for _, c := range slices.SortedFunc(slices.Values(b.Components), byName) {
		layers, err := b.componentLayers(recipes[c.Name], made)
		if err != nil {
			return nil, fmt.Errorf("component %q: %w", c.Name, err)
		}
		r := recipes[c.Name]
		image, err := oci.NewImage(b.Arch, oci.Config{Entrypoint: r.entrypoint, Env: []string{searchPath}, User: r.user, WorkingDir: "/"}, layers...)
		if err != nil {
			return nil, fmt.Errorf("component %q: %w", c.Name, err)
		}
		images = append(images, oci.Named{Reference: c.Reference, Image: image})
	}
	return images, nil
}

func byName(a, b Component) int {
	switch {
	case a.Name < b.Name:
		return -1
	case a.Name > b.Name:
		return 1
	}
	return 0
}

// componentLayers puts what changes least at the bottom: tools, then programs.
func (b *builder) componentLayers(r recipe, made map[string]*oci.Layer) ([]*oci.Layer, error) {
	var layers []*oci.Layer
	add := func(key string, entries func() ([]oci.Entry, error)) error {
		if made[key] == nil {
			list, err := entries()
			if err != nil {
				return err
			}
			if made[key], err = oci.NewLayer(list); err != nil {
				return err
			}
		}
		layers = append(layers, made[key])
		return nil
	}
	if r.tools {
		if err := add("tools", b.toolsEntries); err != nil {
			return nil, err
		}
	}
	if r.certs {
		if err := add("certificates", b.certificateEntries); err != nil {
			return nil, err
		}
	}
	for _, l := range r.layers {
		key := fmt.Sprint(l.dir, l.names)
		if err := add(key, func() ([]oci.Entry, error) { return b.programEntries(l) }); err != nil {
			return nil, err
		}
	}
	return layers, nil
}

// programEntries holds each file once, whatever number of names it has.
func (b *builder) programEntries(l programLayer) ([]oci.Entry, error) {
	names, source := map[string][]string{}, map[string]string{}
	for _, name := range l.names {
		p := b.program(name)
		if err := b.verify(p); err != nil {
			return nil, err
		}
		names[p.Digest] = append(names[p.Digest], name)
		source[p.Digest] = p.Path
	}
	var entries []oci.Entry
	for _, digest := range slices.Sorted(maps.Keys(names)) {
		entries = append(entries, oci.Program(source[digest], l.dir, names[digest]...)...)
	}
	return entries, nil
}

func (b *builder) toolsEntries() ([]oci.Entry, error) {
	return oci.Tree(b.layer(b.inputs().tools()))
}

func (b *builder) certificateEntries() ([]oci.Entry, error) {
	return []oci.Entry{{Path: certificates, Mode: 0o644, Source: b.layer(b.inputs().base()) + "/" + certificates}}, nil
}
