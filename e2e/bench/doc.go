// Package bench measures Slipway beside upstream kubeadm: the same machine image on the same host, in turn, several times. It
// needs Linux and root, and is built only with the tag bench:
//
//	make bench
//
// Results belong in docs/benchmarks.md, with the command that reproduces them.
package bench
