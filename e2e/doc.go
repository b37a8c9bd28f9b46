// Package e2e tries what a person would, on real clusters: real etcd, kube-apiserver, kubelet, containerd and runc in machines
// that this host runs. It needs Linux and root, and is built only with the tag e2e:
//
//	make e2e
//
// A cluster that a failed test used is kept for inspection when SLIPWAY_E2E_KEEP is set.
package e2e
