package addon

import "k8s.io/apimachinery/pkg/runtime/schema"

// stage orders kinds: what others live in or are described by comes first, then what workloads read when they start, then the
// workloads, then everything that a workload may have to be there for (custom objects).
type stage int

const (
	definitions stage = iota
	settings
	workloads
	others
	stages // how many there are
)

// kind is what the API server's discovery says about a kind, and where it stands in the order.
type kind struct {
	group, name string
	resource    string
	namespaced  bool
	stage       stage
}

// builtin holds the kinds that every cluster has, so that applying them needs no discovery: that would take most of a second on
// a server that has just started. The names are part of the Kubernetes API and the same in all versions of a group.
var builtin = [...]kind{
	{"", "Namespace", "namespaces", false, definitions},
	{"apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false, definitions},

	{"", "ConfigMap", "configmaps", true, settings},
	{"", "LimitRange", "limitranges", true, settings},
	{"", "Node", "nodes", false, settings},
	{"", "PersistentVolume", "persistentvolumes", false, settings},
	{"", "PersistentVolumeClaim", "persistentvolumeclaims", true, settings},
	{"", "ResourceQuota", "resourcequotas", true, settings},
	{"", "Secret", "secrets", true, settings},
	{"", "Service", "services", true, settings},
	{"", "ServiceAccount", "serviceaccounts", true, settings},
	{"discovery.k8s.io", "EndpointSlice", "endpointslices", true, settings},
	{"networking.k8s.io", "Ingress", "ingresses", true, settings},
	{"networking.k8s.io", "IngressClass", "ingressclasses", false, settings},
	{"networking.k8s.io", "NetworkPolicy", "networkpolicies", true, settings},
	{"node.k8s.io", "RuntimeClass", "runtimeclasses", false, settings},
	{"policy", "PodDisruptionBudget", "poddisruptionbudgets", true, settings},
	{"rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false, settings},
	{"rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false, settings},
	{"rbac.authorization.k8s.io", "Role", "roles", true, settings},
	{"rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true, settings},
	{"scheduling.k8s.io", "PriorityClass", "priorityclasses", false, settings},
	{"storage.k8s.io", "CSIDriver", "csidrivers", false, settings},
	{"storage.k8s.io", "StorageClass", "storageclasses", false, settings},

	{"", "Pod", "pods", true, workloads},
	{"apps", "DaemonSet", "daemonsets", true, workloads},
	{"apps", "Deployment", "deployments", true, workloads},
	{"apps", "ReplicaSet", "replicasets", true, workloads},
	{"apps", "StatefulSet", "statefulsets", true, workloads},
	{"autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true, workloads},
	{"batch", "CronJob", "cronjobs", true, workloads},
	{"batch", "Job", "jobs", true, workloads},

	// After the workloads: these send the API server's requests to them.
	{"admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false, others},
	{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false, others},
	{"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", false, others},
	{"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", false, others},
	{"apiregistration.k8s.io", "APIService", "apiservices", false, others},

	// Read by the explanation of a failure, not applied.
	{"", "Event", "events", true, others},
}

// builtinKind returns what is known of a kind without asking, and whether it is.
func builtinKind(gk schema.GroupKind) (kind, bool) {
	for _, k := range builtin {
		if k.group == gk.Group && k.name == gk.Kind {
			return k, true
		}
	}
	return kind{}, false
}

// stageOf returns when a kind is applied; what is not built in comes last.
func stageOf(gk schema.GroupKind) stage {
	if k, ok := builtinKind(gk); ok {
		return k.stage
	}
	return others
}

// outlivesAddon reports whether objects of the kind are never pruned: with them goes everything in them, also what users made.
func outlivesAddon(gk schema.GroupKind) bool { return stageOf(gk) == definitions }
