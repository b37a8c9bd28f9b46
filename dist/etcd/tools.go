//go:build tools

// Package tools names the programs that this module exists to compile: etcd and its two command-line tools. Nothing builds
// this file; its imports only keep the requirements and their checksums in go.mod and go.sum.
package tools

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
	_ "go.etcd.io/etcd/server/v3"
)
