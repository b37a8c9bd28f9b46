package addon_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/addon/catalog"
	"github.com/slipway-dev/slipway/addon/catalog/flannel"
)

// TestOnARealAPIServer is one story on one server, because starting one takes seconds.
func TestOnARealAPIServer(t *testing.T) {
	cfg := realAPI(t)
	c, err := addon.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	addons, err := catalog.Bootstrap(catalog.Values{
		KubeProxyImage: "registry.k8s.io/kube-proxy:v1.36.3", CoreDNSImage: "registry.k8s.io/coredns/coredns:v1.15.0",
		FlannelImage: "ghcr.io/flannel-io/flannel:v0.28.10", APIEndpoint: "https://172.30.0.2:6443",
		PodCIDRs: []string{"10.244.0.0/16"}, ServiceCIDRs: []string{"10.96.0.0/12"}, Backend: flannel.HostGW,
	})
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, a := range addons {
		total += len(a.Objects)
	}

	if !t.Run("applying begins before the server listens, and creates everything", func(t *testing.T) {
		created := 0
		began := time.Now()
		for _, a := range addons {
			result, err := addon.Start(t.Context(), c, a, addon.Options{})
			if err != nil {
				t.Fatal(err)
			}
			created += result.Count(addon.Created)
			t.Logf("%s after %s", a.Name, time.Since(began))
		}
		if created != total {
			t.Errorf("%d of %d objects created", created, total)
		}
	}) {
		return
	}
	t.Run("a second time there is nothing to do", func(t *testing.T) {
		began := time.Now()
		for _, a := range addons {
			result, err := addon.Start(t.Context(), c, a, addon.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if result.Changed() {
				t.Errorf("%s: %v", a.Name, result)
			}
		}
		t.Logf("%d objects in %s", total, time.Since(began))
	})

	dns := addons[2]
	deployments := raw.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace("kube-system")
	t.Run("a field that somebody else owns is named with its owner, and taken over when forced", func(t *testing.T) {
		edit := object(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: kube-system}, spec: {replicas: 3}}")
		if _, err := deployments.Apply(t.Context(), "coredns", edit, metav1.ApplyOptions{FieldManager: "somebody", Force: true}); err != nil {
			t.Fatal(err)
		}
		_, err := addon.Apply(t.Context(), c, dns.Objects, addon.Options{})
		var conflict *addon.ConflictError
		if !errors.As(err, &conflict) || len(conflict.Conflicts) != 1 || conflict.Conflicts[0] != (addon.Conflict{Field: ".spec.replicas", Owner: "somebody"}) {
			t.Fatalf("%v", err)
		}
		result, err := addon.Apply(t.Context(), c, dns.Objects, addon.Options{Force: true})
		if err != nil || result.Count(addon.Changed) != 1 {
			t.Fatalf("%v, %v", result, err)
		}
	})
	t.Run("what is not healthy in time is explained by its pods and events", func(t *testing.T) {
		stuckPod(t, raw, dns)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err := addon.Wait(ctx, c, dns.Objects, nil)
		var unhealthy *addon.UnhealthyError
		if !errors.As(err, &unhealthy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v", err)
		}
		t.Log(err)
		for _, want := range []string{"Deployment kube-system/coredns", `pod "coredns-1"`, "ErrImageNeverPull", "Failed: image is not there"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
	})
	t.Run("finishing waits for health, then removes what the addon has no more", func(t *testing.T) {
		extra := object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: extra, namespace: kube-system}, data: {a: b}}")
		given := object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: given, namespace: kube-system}, data: {a: b}}")
		space := object(t, "{apiVersion: v1, kind: Namespace, metadata: {name: space}}")
		more := dns
		more.Objects = append(append([]*unstructured.Unstructured{}, dns.Objects...), extra, given, space)
		if _, err := addon.Start(t.Context(), c, more, addon.Options{}); err != nil {
			t.Fatal(err)
		}
		maps := raw.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("kube-system")
		handOver(t, maps, given)
		if _, err := addon.Start(t.Context(), c, dns, addon.Options{}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(100*time.Millisecond, func() { setAvailable(t, deployments) })
		result, err := addon.Finish(t.Context(), c, dns, addon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(result)
		if result.Count(addon.Deleted) != 1 || result.Count(addon.Kept) != 2 {
			t.Errorf("%v", result)
		}
		if _, err := maps.Get(t.Context(), "extra", metav1.GetOptions{}); err == nil {
			t.Error("extra is still there")
		}
		inv, err := addon.LoadInventory(t.Context(), c, "coredns")
		if err != nil || len(inv.Objects) != len(dns.Objects) || inv.Version != "v1.15.0" {
			t.Errorf("%+v, %v", inv, err)
		}
	})
	t.Run("a definition and an object of its kind are applied in one go", func(t *testing.T) {
		objects := []*unstructured.Unstructured{
			object(t, "{apiVersion: boats.example/v1, kind: Boat, metadata: {name: a, namespace: default}, spec: {}}"),
			object(t, `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: boats.boats.example},
				spec: {group: boats.example, scope: Namespaced, names: {kind: Boat, plural: boats}, versions: [{name: v1, served: true, storage: true,
				schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`),
		}
		for _, want := range []addon.Outcome{addon.Created, addon.Unchanged} {
			result, err := addon.Apply(t.Context(), c, objects, addon.Options{})
			if err != nil || result.Count(want) != 2 {
				t.Fatalf("%v, %v", result, err)
			}
		}
	})
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "\t", " ")), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// handOver makes an object somebody else's, as when a user takes it into their own hands.
func handOver(t *testing.T, endpoint dynamic.ResourceInterface, o *unstructured.Unstructured) {
	t.Helper()
	if _, err := endpoint.Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "somebody", Force: true}); err != nil {
		t.Fatal(err)
	}
	bare := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": o.GetName(), "namespace": o.GetNamespace()},
	}}
	if _, err := endpoint.Apply(t.Context(), o.GetName(), bare, metav1.ApplyOptions{FieldManager: addon.FieldManager}); err != nil {
		t.Fatal(err)
	}
}

// setAvailable writes what the Deployment controller would.
func setAvailable(t *testing.T, deployments dynamic.ResourceInterface) {
	live, err := deployments.Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	one := int64(1)
	live.Object["status"] = map[string]any{
		"observedGeneration": live.GetGeneration(), "replicas": one, "updatedReplicas": one, "readyReplicas": one, "availableReplicas": one,
	}
	if _, err := deployments.UpdateStatus(t.Context(), live, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
}

// stuckPod makes a pod of the addon as the kubelet would leave one whose image is missing.
func stuckPod(t *testing.T, raw dynamic.Interface, dns addon.Addon) {
	t.Helper()
	pods := raw.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("kube-system")
	pod, err := pods.Create(t.Context(), object(t, `{apiVersion: v1, kind: Pod, metadata: {name: coredns-1, namespace: kube-system, labels: {k8s-app: kube-dns}},
		spec: {automountServiceAccountToken: false, serviceAccountName: coredns, containers: [{name: coredns, image: missing}]}}`), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Object["status"] = object(t, `{phase: Pending, containerStatuses: [{name: coredns, ready: false, restartCount: 0, image: missing, imageID: "",
		state: {waiting: {reason: ErrImageNeverPull, message: no such image}}}]}`).Object
	if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	events := raw.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace("kube-system")
	event := object(t, `{apiVersion: v1, kind: Event, metadata: {name: coredns-1.1, namespace: kube-system}, type: Warning, reason: Failed,
		message: image is not there, involvedObject: {kind: Pod, name: coredns-1, namespace: kube-system}, lastTimestamp: "2026-01-01T00:00:00Z"}`)
	if _, err := events.Create(t.Context(), event, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
