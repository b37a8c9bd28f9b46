package phase

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
)

const nodesGroup = "system:nodes"

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: name}
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

// bind gives a cluster role to subjects.
func bind(name, role string, subjects ...rbacv1.Subject) apiclient.Object {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   subjects,
	}
}

// readable lets subjects read one object of a namespace: a role and its binding.
func readable(name, namespace, resource, object string, subjects ...rbacv1.Subject) []apiclient.Object {
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	return []apiclient.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
			Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{resource}, ResourceNames: []string{object},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   subjects,
		},
	}
}

// joinRules lets nodes join with a bootstrap token, renew their certificates, and be reached by the API server.
func joinRules() []apiclient.Object {
	const getNodes = "kubeadm:get-nodes"
	return []apiclient.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: getNodes}, Rules: []rbacv1.PolicyRule{{
			Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"nodes"},
		}}},
		bind(getNodes, getNodes, group(kubeadm.JoinersGroup)),
		bind("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", group(kubeadm.JoinersGroup)),
		bind("kubeadm:node-autoapprove-bootstrap", "system:certificates.k8s.io:certificatesigningrequests:nodeclient", group(kubeadm.JoinersGroup)),
		bind("kubeadm:node-autoapprove-certificate-rotation", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", group(nodesGroup)),
		bind("kubeadm:apiserver-kubelet-client", "system:kubelet-api-admin", user("kube-apiserver-kubelet-client")),
	}
}
