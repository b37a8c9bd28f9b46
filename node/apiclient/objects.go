package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Object is what the client can write.
type Object interface {
	metav1.Object
}

// kindOf returns where objects of that type are, and what they call themselves.
func kindOf(o Object) (root, resource string, meta metav1.TypeMeta, err error) {
	const core, rbac = "/api/v1", "/apis/rbac.authorization.k8s.io/v1"
	switch o.(type) {
	case *corev1.ConfigMap:
		return core, "configmaps", metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, nil
	case *corev1.Secret:
		return core, "secrets", metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, nil
	case *corev1.Node:
		return core, "nodes", metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, nil
	case *rbacv1.Role:
		return rbac, "roles", metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, nil
	case *rbacv1.RoleBinding:
		return rbac, "rolebindings", metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"}, nil
	case *rbacv1.ClusterRole:
		return rbac, "clusterroles", metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, nil
	case *rbacv1.ClusterRoleBinding:
		return rbac, "clusterrolebindings", metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}, nil
	}
	return "", "", metav1.TypeMeta{}, fmt.Errorf("objects of type %T are not known here", o)
}

// Name returns how a person calls the object: kind, namespace and name.
func Name(o Object) string {
	_, _, meta, err := kindOf(o)
	if err != nil {
		return o.GetName()
	}
	if o.GetNamespace() == "" {
		return meta.Kind + " " + o.GetName()
	}
	return meta.Kind + " " + o.GetNamespace() + "/" + o.GetName()
}

// Ensure makes the object be as o says, or leaves it alone when it is: it is created, or replaced when its content, labels or
// annotations differ. What others added to labels and annotations stays. One request is enough for a new object.
func (c *Client) Ensure(ctx context.Context, o Object) error {
	root, resource, meta, err := kindOf(o)
	if err != nil {
		return err
	}
	collection := root + "/"
	if ns := o.GetNamespace(); ns != "" {
		collection += "namespaces/" + ns + "/"
	}
	collection += resource
	wanted, err := generic(o, meta)
	if err != nil {
		return err
	}
	if err = c.do(ctx, http.MethodPost, collection, "application/json", wanted, nil); isExisting(err) {
		err = c.replace(ctx, collection+"/"+o.GetName(), wanted)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", Name(o), err)
	}
	return nil
}

func (c *Client) replace(ctx context.Context, path string, wanted map[string]any) error {
	var there map[string]any
	if err := c.Get(ctx, path, &there); err != nil {
		return err
	}
	merged := merge(there, wanted)
	if reflect.DeepEqual(merged, there) {
		return nil
	}
	return c.do(ctx, http.MethodPut, path, "application/json", merged, nil)
}

// merge lays wanted over what is there: content as a whole, metadata entry by entry.
func merge(there, wanted map[string]any) map[string]any {
	merged := map[string]any{}
	for k, v := range wanted {
		merged[k] = v
	}
	meta := map[string]any{}
	old, _ := there["metadata"].(map[string]any)
	for k, v := range old {
		meta[k] = v
	}
	fresh, _ := wanted["metadata"].(map[string]any)
	for k, v := range fresh {
		if entries, ok := v.(map[string]any); ok {
			v = overlay(meta[k], entries)
		}
		meta[k] = v
	}
	merged["metadata"] = meta
	if entries, ok := wanted["data"].(map[string]any); ok && wanted["kind"] == "ConfigMap" {
		merged["data"] = overlay(there["data"], entries) // controllers sign cluster-info in entries of their own
	}
	if _, typed := merged["type"]; !typed && there["type"] != nil {
		merged["type"] = there["type"] // of a Secret: fixed when it was made
	}
	return merged
}

func overlay(below any, above map[string]any) map[string]any {
	all := map[string]any{}
	if old, ok := below.(map[string]any); ok {
		for k, v := range old {
			all[k] = v
		}
	}
	for k, v := range above {
		all[k] = v
	}
	return all
}

// generic returns the object as the API server shows it, so that the two can be compared.
func generic(o Object, meta metav1.TypeMeta) (map[string]any, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	m["apiVersion"], m["kind"] = meta.APIVersion, meta.Kind
	return m, nil
}

// UpdateNode reads a node, lets change edit it, and writes the labels and taints when they are not what they were. It
// returns a conflict as an error that IsTransient.
func (c *Client) UpdateNode(ctx context.Context, name string, change func(*corev1.Node)) error {
	path := "/api/v1/nodes/" + name
	var node corev1.Node
	if err := c.Get(ctx, path, &node); err != nil {
		return fmt.Errorf("reading Node %s: %w", name, err)
	}
	before := node.DeepCopy()
	change(&node)
	if reflect.DeepEqual(before.Labels, node.Labels) && reflect.DeepEqual(before.Spec.Taints, node.Spec.Taints) {
		return nil
	}
	patch := map[string]any{
		"metadata": map[string]any{"labels": node.Labels, "resourceVersion": node.ResourceVersion},
		"spec":     map[string]any{"taints": node.Spec.Taints},
	}
	if err := c.do(ctx, http.MethodPatch, path, "application/merge-patch+json", patch, nil); err != nil {
		return fmt.Errorf("writing Node %s: %w", name, err)
	}
	return nil
}
