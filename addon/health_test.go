package addon_test

import (
	"testing"

	"github.com/slipway-dev/slipway/addon"
)

func TestHealthOf(t *testing.T) {
	const (
		deployment = "apiVersion: apps/v1, kind: Deployment"
		daemonSet  = "apiVersion: apps/v1, kind: DaemonSet"
		stateful   = "apiVersion: apps/v1, kind: StatefulSet"
		job        = "apiVersion: batch/v1, kind: Job"
		crd        = "apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition"
	)
	for _, test := range []struct{ name, object, want string }{
		{"a ConfigMap is ready by being there", "{apiVersion: v1, kind: ConfigMap}", "ready"},
		{"what is being deleted is not", "{apiVersion: v1, kind: ConfigMap, metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}}", "is being deleted"},

		{"deployment that nobody has seen", "{" + deployment + ", metadata: {generation: 1}}", "its controller has not seen it yet"},
		{"deployment whose status speaks of an older one", "{" + deployment + ", metadata: {generation: 2}, status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1}}", "its controller has not seen it yet"},
		{"deployment without new pods", "{" + deployment + ", spec: {replicas: 2}, status: {updatedReplicas: 1}}", "1 of 2 pods made"},
		{"deployment with old pods", "{" + deployment + ", status: {replicas: 2, updatedReplicas: 1, availableReplicas: 2}}", "1 old pods still there"},
		{"deployment without available pods", "{" + deployment + ", status: {replicas: 1, updatedReplicas: 1}}", "0 of 1 pods available"},
		{"deployment that is complete", "{" + deployment + ", status: {replicas: 1, updatedReplicas: 1, availableReplicas: 1}}", "ready"},
		{"deployment that wants none", "{" + deployment + ", spec: {replicas: 0}}", "ready"},
		{"deployment that was out of time and is complete now", "{" + deployment + ", status: {replicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}}", "ready"},

		{"daemon set that no node takes", "{" + daemonSet + ", metadata: {generation: 1}, status: {observedGeneration: 1}}", "no node to run on"},
		{"daemon set with old pods", "{" + daemonSet + ", status: {desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2}}", "1 of 2 pods made"},
		{"daemon set whose pods are replaced by hand", "{" + daemonSet + ", spec: {updateStrategy: {type: OnDelete}}, status: {desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2}}", "ready"},
		{"daemon set that is not available", "{" + daemonSet + ", status: {desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1}}", "1 of 2 pods available"},
		{"daemon set that is complete", "{" + daemonSet + ", status: {desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}}", "ready"},

		{"stateful set on its way", "{" + stateful + ", spec: {replicas: 3}, status: {updatedReplicas: 1, availableReplicas: 3}}", "1 of 3 pods made"},
		{"stateful set that holds two back", "{" + stateful + ", spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}, status: {updatedReplicas: 1, availableReplicas: 3}}", "ready"},
		{"stateful set that is not available", "{" + stateful + ", status: {updatedReplicas: 1}}", "0 of 1 pods available"},

		{"node whose kubelet is silent", "{apiVersion: v1, kind: Node}", "its kubelet has not reported yet"},
		{"node without a network", "{apiVersion: v1, kind: Node, status: {conditions: [{type: Ready, status: 'False', message: no network}]}}", "no network"},
		{"node that takes pods", "{apiVersion: v1, kind: Node, status: {conditions: [{type: Ready, status: 'True'}]}}", "ready"},

		{"job that runs", "{" + job + ", spec: {completions: 2}, status: {succeeded: 1}}", "1 of 2 pods succeeded"},
		{"job that is done", "{" + job + ", status: {conditions: [{type: Complete, status: 'True'}]}}", "ready"},
		{"job that failed", "{" + job + ", status: {conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: too often}]}}", "failed: BackoffLimitExceeded: too often"},

		{"definition that is not served", "{" + crd + "}", "not served yet"},
		{"definition that was made this moment", "{" + crd + ", status: {conditions: null}}", "not served yet"},
		{"definition that is served", "{" + crd + ", status: {conditions: [{type: Established, status: 'True'}]}}", "ready"},
		{"definition whose names are taken", "{" + crd + ", status: {conditions: [{type: NamesAccepted, status: 'False', message: taken}]}}", "failed: taken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, err := addon.HealthOf(object(t, test.object))
			if err != nil {
				t.Fatal(err)
			}
			got := h.Message
			if h.Ready {
				got += "ready"
			}
			if h.Failed {
				got = "failed: " + got
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
