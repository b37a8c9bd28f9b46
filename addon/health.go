package addon

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Health is how an object does. Message says what is missing, or why it failed; it is empty when the object is ready.
type Health struct {
	Ready   bool
	Failed  bool // and will not recover by itself
	Message string
}

func ready() Health                             { return Health{Ready: true} }
func failed(message string) Health              { return Health{Failed: true, Message: message} }
func waitingFor(format string, a ...any) Health { return Health{Message: fmt.Sprintf(format, a...)} }

// HealthOf tells how an object does from what its controller wrote into its status. A status that speaks of an older
// generation counts for nothing. Kinds without a health of their own are ready by being there.
func HealthOf(o *unstructured.Unstructured) (Health, error) {
	if o.GetDeletionTimestamp() != nil {
		return waitingFor("is being deleted"), nil
	}
	judge, ok := judges(o.GroupVersionKind().GroupKind())
	if !ok {
		return ready(), nil
	}
	h, err := judge(o)
	if err != nil {
		return Health{}, fmt.Errorf("reading the status of %s: %w", RefOf(o), err)
	}
	return h, nil
}

type judge func(*unstructured.Unstructured) (Health, error)

// judges returns how the health of a kind is told, and whether it has one that is worth waiting for.
func judges(gk schema.GroupKind) (judge, bool) {
	switch gk {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return typed(deployment), true
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return typed(daemonSet), true
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return typed(statefulSet), true
	case schema.GroupKind{Kind: "Node"}:
		return typed(node), true
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		return typed(job), true
	case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		return definition, true
	}
	return nil, false
}

func typed[T any](tell func(*T) Health) judge {
	return func(o *unstructured.Unstructured) (Health, error) {
		var object T
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &object); err != nil {
			return Health{}, err
		}
		return tell(&object), nil
	}
}

// node is ready when its kubelet says that it takes pods.
func node(n *corev1.Node) Health {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			if c.Status == corev1.ConditionTrue {
				return ready()
			}
			return waitingFor("%s", c.Message)
		}
	}
	return waitingFor("its kubelet has not reported yet")
}

// notSeen is the health of an object whose controller has not looked at its present generation.
func notSeen() Health { return waitingFor("its controller has not seen it yet") }

// deployment does not fail by its progress deadline: its pods are tried on, and what they lacked may have come since.
func deployment(d *appsv1.Deployment) Health {
	want, s := replicas(d.Spec.Replicas), d.Status
	if s.ObservedGeneration < d.Generation {
		return notSeen()
	}
	switch {
	case s.UpdatedReplicas < want:
		return waitingFor("%d of %d pods made", s.UpdatedReplicas, want)
	case s.Replicas > s.UpdatedReplicas:
		return waitingFor("%d old pods still there", s.Replicas-s.UpdatedReplicas)
	case s.AvailableReplicas < want:
		return waitingFor("%d of %d pods available", s.AvailableReplicas, want)
	}
	return ready()
}

func daemonSet(d *appsv1.DaemonSet) Health {
	s := d.Status
	switch {
	case s.ObservedGeneration < d.Generation:
		return notSeen()
	case s.DesiredNumberScheduled == 0:
		return waitingFor("no node to run on")
	case d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && s.UpdatedNumberScheduled < s.DesiredNumberScheduled:
		return waitingFor("%d of %d pods made", s.UpdatedNumberScheduled, s.DesiredNumberScheduled)
	case s.NumberAvailable < s.DesiredNumberScheduled:
		return waitingFor("%d of %d pods available", s.NumberAvailable, s.DesiredNumberScheduled)
	}
	return ready()
}

func statefulSet(set *appsv1.StatefulSet) Health {
	want, s := replicas(set.Spec.Replicas), set.Status
	switch {
	case s.ObservedGeneration < set.Generation:
		return notSeen()
	case set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType && s.UpdatedReplicas < want-heldBack(set):
		return waitingFor("%d of %d pods made", s.UpdatedReplicas, want-heldBack(set))
	case s.AvailableReplicas < want:
		return waitingFor("%d of %d pods available", s.AvailableReplicas, want)
	}
	return ready()
}

// heldBack is how many pods of a StatefulSet keep their version on purpose.
func heldBack(set *appsv1.StatefulSet) int32 {
	u := set.Spec.UpdateStrategy.RollingUpdate
	if u == nil || u.Partition == nil {
		return 0
	}
	return min(*u.Partition, replicas(set.Spec.Replicas))
}

func job(j *batchv1.Job) Health {
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return ready()
		case c.Type == batchv1.JobFailed:
			return failed(fmt.Sprintf("%s: %s", c.Reason, c.Message))
		}
	}
	return waitingFor("%d of %d pods succeeded", j.Status.Succeeded, replicas(j.Spec.Completions))
}

// definition tells the health of a CustomResourceDefinition, whose types are not among those that every client has.
func definition(o *unstructured.Unstructured) (Health, error) {
	// The API server writes "conditions: null" before a controller has seen the definition, which NestedSlice would refuse.
	found, _, err := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions")
	if err != nil {
		return Health{}, err
	}
	conditions, _ := found.([]any)
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		switch {
		case c["type"] == "Established" && c["status"] == "True":
			return ready(), nil
		case c["type"] == "NamesAccepted" && c["status"] == "False":
			return failed(fmt.Sprint(c["message"])), nil
		}
	}
	return waitingFor("not served yet"), nil
}

// replicas reads a count that defaults to one.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
