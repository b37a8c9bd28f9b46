//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// maxSecondCluster is how much disk a cluster may take that is not the first of its image.
const maxSecondCluster = 200 << 20

// secondClusterCostsLittle checks that a cluster shares the image's programs with others: on the disk, and so in the page
// cache, which belongs to the inode.
func secondClusterCostsLittle(t *testing.T, first, second string) {
	own := ownBytes(t, filepath.Join("/var/lib/slipway/clusters", second))
	t.Logf("the second cluster takes %d MiB of disk for itself", own>>20)
	if own > maxSecondCluster {
		t.Errorf("the second cluster takes %d MiB of disk for itself, more than %d", own>>20, maxSecondCluster>>20)
	}
	a, b := programInode(t, first, "kube-apiserver"), programInode(t, second, "kube-apiserver")
	if a != b {
		t.Errorf("the API servers of two clusters are different files (%v and %v): they cannot share the page cache", a, b)
	}
	if k := programInode(t, first, "kubelet"); a != k {
		t.Errorf("kubelet and API server are different files (%v and %v), although they are one program", k, a)
	}
	t.Logf("kube-apiserver and kubelet of both clusters are inode %v", a)
}

// ownBytes adds up the blocks of the files below a directory that have no other name.
func ownBytes(t *testing.T, root string) int64 {
	t.Helper()
	var total int64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // the cluster lives: files come and go
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Nlink == 1 || d.IsDir() {
			total += stat.Blocks * 512
		}
		return nil
	})
	check(t, err, "measuring "+root)
	return total
}

// programInode returns the inode behind a running program: overlays show their own, so the file is looked up among those
// that the process has mapped, which the kernel names by the file below.
func programInode(t *testing.T, cluster, program string) string {
	t.Helper()
	p := findProcess(t, inMachine(cluster+"-control-plane-1", program))
	var stat syscall.Stat_t
	root := fmt.Sprintf("/proc/%d/exe", p.pid)
	target, err := os.Readlink(root)
	check(t, err, "reading "+root)
	candidates := []string{
		// the kubelet's file is in the machine image's release layer, those of containers in a snapshot
		"/var/lib/slipway/store/layers/*" + target,
		filepath.Join("/var/lib/slipway/clusters", cluster, "machines/*/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs"+target),
	}
	for _, pattern := range candidates {
		files, err := filepath.Glob(pattern)
		check(t, err, "looking for "+pattern)
		for _, file := range files {
			check(t, syscall.Stat(file, &stat), "reading "+file)
			if stat.Size > 100<<20 {
				return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
			}
		}
	}
	t.Fatalf("no file of %s (%s) found", program, target)
	return ""
}
