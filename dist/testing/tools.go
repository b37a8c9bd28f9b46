//go:build tools

// Package tools names the programs that only benchmarks and end-to-end tests use: upstream's kubeadm, the peer that Slipway
// is measured against, and agnhost, the image that Kubernetes' own tests run in pods. No release contains them. The
// replacements in go.mod are those of the Kubernetes module beside this one, so that the two share compiled packages.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kubeadm"
	_ "k8s.io/kubernetes/test/images/agnhost"
)
