package addon

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func FuzzParseRefs(f *testing.F) {
	f.Add([]byte(`[{"apiVersion":"v1","kind":"ConfigMap","namespace":"kube-system","name":"a"}]`))
	f.Add([]byte("[]"))
	f.Add([]byte("[{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseRefs(data)
		if err != nil {
			return
		}
		text, err := formatRefs(all)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRefs([]byte(text))
		if err != nil || !slices.Equal(all, again) {
			t.Errorf("%q became %q: %v", data, text, err)
		}
	})
}

func TestUnionAndWithoutIgnoreVersions(t *testing.T) {
	old := []Ref{{"v1", "ConfigMap", "x", "b"}, {"apps/v1beta1", "Deployment", "x", "a"}}
	now := []Ref{{"apps/v1", "Deployment", "x", "a"}, {"v1", "ConfigMap", "x", "a"}}
	if got, want := without(old, now), old[:1]; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	want := []Ref{{"v1", "ConfigMap", "x", "a"}, {"v1", "ConfigMap", "x", "b"}, {"apps/v1", "Deployment", "x", "a"}}
	if got := union(old, now); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !old[1].Same(now[0]) || old[0].Same(now[1]) {
		t.Error("Same is wrong")
	}
}

func TestTroublesOfAPod(t *testing.T) {
	pod := func(s corev1.PodStatus) *corev1.Pod { return &corev1.Pod{Status: s} }
	container := func(s corev1.ContainerStatus) corev1.PodStatus {
		s.Name = "c"
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{s}}
	}
	for _, test := range []struct {
		name string
		pod  *corev1.Pod
		want []string
	}{
		{"ready", pod(corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}), nil},
		{"not scheduled", pod(corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "too little memory"}}}), []string{"no node takes it: too little memory"}},
		{"nothing known", pod(corev1.PodStatus{}), []string{"is pending"}},
		{"image missing", pod(container(corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no x"}}})), []string{`container "c" waits: ImagePullBackOff: no x`}},
		{"crashing", pod(container(corev1.ContainerStatus{
			RestartCount:         3,
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Reason: "Error"}},
		})), []string{`container "c" restarted 3 times, last ended with status 2: Error`}},
		{"ended", pod(container(corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "no flag -x"}}})), []string{`container "c" ended with status 1: no flag -x`}},
		{"silent", pod(container(corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})), []string{`container "c" runs, but does not answer its probes`}},
		{"first steps", pod(corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "i", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}), []string{`init container "i" has not ended`}},
	} {
		if got := troubles(test.pod); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestUnstructuredLeavesOutWhatAnAddonDoesNotDecide(t *testing.T) {
	all, err := Unstructured(&corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "a"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "c"}},
			Volumes:    []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := all[0].MarshalJSON()
	if want := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c"}],"volumes":[{"emptyDir":{},"name":"v"}]}}` + "\n"; err != nil || string(text) != want {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
	if _, err := Unstructured(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}}); err == nil {
		t.Error("an object without a kind was taken")
	}
}
