package addon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	// explainTimeout is what finding reasons may cost on top of a wait that has already taken too long.
	explainTimeout = 5 * time.Second
	// fewReasons keeps a DaemonSet of a thousand nodes from printing a thousand pods.
	fewReasons = 3
)

// explain looks for why an object is not healthy, in its pods first, then in its events. It uses time of its own: that of ctx is
// over. What cannot be read is no reason to say less about the rest.
func (c *Client) explain(ctx context.Context, ref Ref, message string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), explainTimeout)
	defer cancel()
	e := &UnhealthyError{Object: ref, Message: message, err: cause}
	endpoint, err := c.resource(ctx, ref)
	if err != nil {
		return e
	}
	owner, err := endpoint.Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return e
	}
	for _, pod := range c.podsOf(ctx, owner) {
		why := troubles(pod)
		if len(why) == 0 {
			continue
		}
		for _, event := range c.warnings(ctx, Ref{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}) {
			if !strings.Contains(strings.Join(why, ""), event) {
				why = append(why, event)
			}
		}
		e.Why = append(e.Why, fmt.Sprintf("pod %q: %s", pod.Name, strings.Join(why, ", ")))
		if len(e.Why) == fewReasons {
			break
		}
	}
	e.Why = append(e.Why, c.warnings(ctx, ref)...) // such as pods that could not be made
	return e
}

// podsOf returns the pods that an object selects, oldest trouble first.
func (c *Client) podsOf(ctx context.Context, owner *unstructured.Unstructured) []*corev1.Pod {
	var selector metav1.LabelSelector
	content, found, err := unstructured.NestedMap(owner.Object, "spec", "selector")
	if err != nil || !found || runtime.DefaultUnstructuredConverter.FromUnstructured(content, &selector) != nil {
		return nil
	}
	endpoint, err := c.resource(ctx, Ref{APIVersion: "v1", Kind: "Pod", Namespace: owner.GetNamespace()})
	if err != nil {
		return nil
	}
	list, err := endpoint.List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&selector)})
	if err != nil {
		return nil
	}
	return typedItems[corev1.Pod](list)
}

// warnings returns the last thing the cluster warned of about an object, or nothing.
func (c *Client) warnings(ctx context.Context, ref Ref) []string {
	endpoint, err := c.resource(ctx, Ref{APIVersion: "v1", Kind: "Event", Namespace: ref.Namespace})
	if err != nil {
		return nil
	}
	about := fields.Set{"involvedObject.kind": ref.Kind, "involvedObject.name": ref.Name, "type": corev1.EventTypeWarning}
	list, err := endpoint.List(ctx, metav1.ListOptions{FieldSelector: about.String()})
	if err != nil || len(list.Items) == 0 {
		return nil
	}
	last := slices.MaxFunc(typedItems[corev1.Event](list), func(a, b *corev1.Event) int {
		return cmp.Compare(lastSeen(a).UnixNano(), lastSeen(b).UnixNano())
	})
	return []string{fmt.Sprintf("%s: %s", last.Reason, last.Message)}
}

func lastSeen(e *corev1.Event) time.Time {
	if e.Series != nil {
		return e.Series.LastObservedTime.Time
	}
	if !e.LastTimestamp.IsZero() {
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

func typedItems[T any](list *unstructured.UnstructuredList) []*T {
	var all []*T
	for _, item := range list.Items {
		object := new(T)
		if runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, object) == nil {
			all = append(all, object)
		}
	}
	return all
}

// troubles says what keeps a pod from being ready; nothing, when it is ready.
func troubles(p *corev1.Pod) []string {
	var found []string
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue:
			return nil
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			return []string{fmt.Sprintf("no node takes it: %s", c.Message)}
		}
	}
	for _, s := range p.Status.InitContainerStatuses {
		if why := containerTrouble(s, "has not ended"); why != "" {
			found = append(found, fmt.Sprintf("init container %q %s", s.Name, why))
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if why := containerTrouble(s, "runs, but does not answer its probes"); why != "" {
			found = append(found, fmt.Sprintf("container %q %s", s.Name, why))
		}
	}
	if len(found) == 0 {
		found = append(found, strings.TrimSpace(fmt.Sprintf("is %s %s", strings.ToLower(string(cmp.Or(p.Status.Phase, corev1.PodPending))), p.Status.Message)))
	}
	return found
}

// containerTrouble says what is wrong with a container; running is what is wrong with one that runs and is not ready.
func containerTrouble(s corev1.ContainerStatus, running string) string {
	switch {
	case s.State.Waiting != nil && s.LastTerminationState.Terminated != nil:
		t := s.LastTerminationState.Terminated
		return join(fmt.Sprintf("restarted %d times, last ended with status %d", s.RestartCount, t.ExitCode), cmp.Or(t.Message, t.Reason))
	case s.State.Waiting != nil:
		return join("waits", s.State.Waiting.Reason, s.State.Waiting.Message)
	case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
		t := s.State.Terminated
		return join(fmt.Sprintf("ended with status %d", t.ExitCode), cmp.Or(t.Message, t.Reason))
	case s.State.Running != nil && !s.Ready:
		return running
	}
	return ""
}

// join puts a colon between the parts that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
