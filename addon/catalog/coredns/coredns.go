// Package coredns renders the cluster's DNS server. Names, labels and Corefile are those that kubeadm leaves, so that what knows a
// kubeadm cluster knows this one. Its probes differ: a cluster is ready when its DNS is, so readiness is told within a second.
package coredns

import (
	"fmt"
	"net/netip"
	"net/url"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Values are what differs between clusters.
type Values struct {
	// Image is the full name of the image, such as "registry.k8s.io/coredns/coredns:v1.14.2".
	Image string
	// Replicas is how many run; zero means one. One is enough for a single node, two for more.
	Replicas int32
	// ClusterIP is the address of the Service, which every kubelet gives to its pods: the tenth of the Service range.
	ClusterIP string
	// Domain is the cluster's DNS domain; empty means "cluster.local".
	Domain string
	// APIEndpoint is where the API is reached without Services, as a URL. Empty means through the kubernetes Service, as kubeadm
	// does: then CoreDNS that starts before kube-proxy's rules are there waits for its first connection to time out, 30 s.
	APIEndpoint string
}

const (
	name      = "coredns"
	namespace = metav1.NamespaceSystem
	role      = "system:coredns"
)

// Render returns CoreDNS's objects.
func Render(v Values) ([]runtime.Object, error) {
	if v.Domain == "" {
		v.Domain = "cluster.local"
	}
	if v.Replicas == 0 {
		v.Replicas = 1
	}
	env, err := v.validate()
	if err != nil {
		return nil, fmt.Errorf("coredns: %w", err)
	}
	return []runtime.Object{
		serviceAccount(), clusterRole(), clusterRoleBinding(), configMap(v), service(v), deployment(v, env),
	}, nil
}

func (v Values) validate() ([]corev1.EnvVar, error) {
	if v.Image == "" {
		return nil, fmt.Errorf("the image is missing")
	}
	if v.Replicas < 0 {
		return nil, fmt.Errorf("%d replicas are not possible", v.Replicas)
	}
	if _, err := netip.ParseAddr(v.ClusterIP); err != nil {
		return nil, fmt.Errorf("the Service's address %q is not an IP address", v.ClusterIP)
	}
	if problems := validation.IsDNS1123Subdomain(v.Domain); len(problems) > 0 {
		return nil, fmt.Errorf("the domain %q is not a DNS name: %s", v.Domain, problems[0])
	}
	if v.APIEndpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(v.APIEndpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("the API endpoint %q is not a URL like https://172.30.0.2:6443", v.APIEndpoint)
	}
	// Where a client inside a pod looks for the API; what is set here wins over the Service's address.
	return []corev1.EnvVar{{Name: "KUBERNETES_SERVICE_HOST", Value: u.Hostname()}, {Name: "KUBERNETES_SERVICE_PORT", Value: u.Port()}}, nil
}

func labels() map[string]string { return map[string]string{"k8s-app": "kube-dns"} }

func serviceAccount() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
	}
}

func clusterRole() *rbacv1.ClusterRole {
	watch := []string{"list", "watch"}
	return &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: role},
		Rules: []rbacv1.PolicyRule{
			{Verbs: watch, APIGroups: []string{""}, Resources: []string{"endpoints", "services", "pods", "namespaces"}},
			{Verbs: watch, APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}},
		},
	}
}

func clusterRoleBinding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
	}
}

// service has the name that the DNS server of a cluster has had since before CoreDNS.
func service(v Values) *corev1.Service {
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "kube-dns", Namespace: namespace,
			Labels:      map[string]string{"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
			Annotations: map[string]string{"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
		},
		Spec: corev1.ServiceSpec{
			ClusterIP: v.ClusterIP,
			Selector:  labels(),
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(53)},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(53)},
				{Name: "metrics", Port: 9153, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(9153)},
			},
		},
	}
}

func deployment(v Values, env []corev1.EnvVar) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels()},
		Spec: appsv1.DeploymentSpec{
			Replicas: &v.Replicas,
			Strategy: strategy(v.Replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels()},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels()}, Spec: pod(v, env)},
		},
	}
}

// strategy is kubeadm's where there are several. The only one is replaced after its successor is ready, or nobody would answer
// meanwhile.
func strategy(replicas int32) appsv1.DeploymentStrategy {
	s := appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: new(intstr.FromInt32(1))},
	}
	if replicas < 2 {
		s.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromInt32(1))}
	}
	return s
}
