package addon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	inventoryNamespace = "kube-system"
	inventoryPrefix    = "slipway-addon-"
	// InventoryLabel is on every inventory; its value is the addon's name.
	InventoryLabel = "addons.slipway.dev/name"
	objectsKey     = "objects.json"
	versionKey     = "version"
)

// Inventory is what the cluster remembers of an addon: the objects that were applied for it. It is a superset of those that are
// there: objects are added before they are made and taken off after they are gone.
type Inventory struct {
	Addon   string
	Version string
	Objects []Ref

	resourceVersion string // as it was read; empty when there was none
}

// LoadInventory reads what the cluster remembers of an addon. An addon that was never applied has an empty inventory.
func LoadInventory(ctx context.Context, c *Client, addon string) (Inventory, error) {
	return loadInventory(ctx, c, addon, Options{Patience: -1})
}

func loadInventory(ctx context.Context, c *Client, addon string, o Options) (Inventory, error) {
	inv := Inventory{Addon: addon}
	ref := inv.ref()
	var found *unstructured.Unstructured
	err := c.patiently(ctx, o, func(ctx context.Context) error {
		endpoint, err := c.resource(ctx, ref)
		if err != nil {
			return err
		}
		found, err = endpoint.Get(ctx, ref.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			found, err = nil, nil
		}
		return err
	})
	if err != nil {
		return inv, fmt.Errorf("reading the inventory %s: %w", ref, err)
	}
	if found == nil {
		return inv, nil
	}
	return parseInventory(inv, found)
}

func parseInventory(inv Inventory, from *unstructured.Unstructured) (Inventory, error) {
	data, _, err := unstructured.NestedStringMap(from.Object, "data")
	if err != nil {
		return inv, fmt.Errorf("reading the inventory %s: %w", inv.ref(), err)
	}
	inv.Version, inv.resourceVersion = data[versionKey], from.GetResourceVersion()
	inv.Objects, err = parseRefs([]byte(data[objectsKey]))
	if err != nil {
		return inv, fmt.Errorf("reading the inventory %s: its %s: %w", inv.ref(), objectsKey, err)
	}
	return inv, nil
}

// parseRefs refuses what could not have been written by formatRefs: pruning by a damaged list could remove what is not ours.
func parseRefs(data []byte) ([]Ref, error) {
	var all []Ref
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("something follows the list")
	}
	for i, r := range all {
		if r.APIVersion == "" || r.Kind == "" || r.Name == "" {
			return nil, fmt.Errorf("object %d has no apiVersion, kind or name", i)
		}
	}
	return all, nil
}

// formatRefs writes one object a line, for people.
func formatRefs(all []Ref) (string, error) {
	var b bytes.Buffer
	b.WriteString("[")
	for i, r := range all {
		line, err := json.Marshal(r)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n ")
		b.Write(line)
	}
	b.WriteString("\n]\n")
	return b.String(), nil
}

func (inv Inventory) ref() Ref {
	return Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: inventoryNamespace, Name: inventoryPrefix + inv.Addon}
}

// save makes the cluster remember these objects. What it remembers already is not written again. An inventory that somebody else
// wrote since it was read is an error: two that apply the same addon would prune each other's objects.
func (inv Inventory) save(ctx context.Context, c *Client, version string, objects []Ref, o Options) error {
	objects = sorted(objects)
	if inv.resourceVersion != "" && inv.Version == version && slices.Equal(inv.Objects, objects) {
		return nil
	}
	list, err := formatRefs(objects)
	if err != nil {
		return fmt.Errorf("writing the inventory %s: %w", inv.ref(), err)
	}
	object := inv.configMap(version, list)
	err = c.patiently(ctx, o, func(ctx context.Context) error {
		endpoint, err := c.resource(ctx, inv.ref())
		if err != nil {
			return err
		}
		_, err = endpoint.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: o.manager(), Force: true})
		return err
	})
	if apierrors.IsConflict(err) {
		return fmt.Errorf("writing the inventory %s: somebody else applies this addon at the same time: %w", inv.ref(), err)
	}
	if err != nil {
		return fmt.Errorf("writing the inventory %s: %w", inv.ref(), err)
	}
	return nil
}

func (inv Inventory) configMap(version, list string) *unstructured.Unstructured {
	metadata := map[string]any{
		"name": inv.ref().Name, "namespace": inv.ref().Namespace,
		"labels": map[string]any{InventoryLabel: inv.Addon, "app.kubernetes.io/managed-by": FieldManager},
	}
	if inv.resourceVersion != "" {
		metadata["resourceVersion"] = inv.resourceVersion // written only over what was read
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
		"data": map[string]any{versionKey: version, objectsKey: list},
	}}
}
