package manifest

import (
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/slipway-dev/slipway/node/kubeadm"
)

// mounts are directories and files of the machine in a pod, by name.
type mounts map[string]mount

type mount struct {
	host, inside string
	readOnly     bool
	kind         corev1.HostPathType
}

// share makes a path of the machine visible at the same place in the pod, read only.
func (m mounts) share(name, at string, kind corev1.HostPathType) {
	m[name] = mount{host: at, inside: at, readOnly: true, kind: kind}
}

// extra adds the user's mounts, over the default ones of the same name.
func (m mounts) extra(list []kubeadm.HostPathMount) mounts {
	for _, v := range list {
		m[v.Name] = mount{host: v.HostPath, inside: v.MountPath, readOnly: v.ReadOnly, kind: v.PathType}
	}
	return m
}

// certificates shares the machine's certificate directory and what public authorities it trusts.
func (m mounts) certificates(dir string, f Facts) {
	m.share("k8s-certs", dir, corev1.HostPathDirectoryOrCreate)
	m.share("ca-certs", "/etc/ssl/certs", corev1.HostPathDirectoryOrCreate)
	for _, d := range f.CADirectories {
		m.share(strings.ReplaceAll(d[1:], "/", "-"), d, corev1.HostPathDirectoryOrCreate)
	}
}

// externalEtcd shares the directories of the external etcd's certificates that are not shared already.
func (m mounts) externalEtcd(e *kubeadm.ExternalEtcd, certificates string) {
	var dirs []string
	covered := append(ExtraCADirectories(), "/etc/ssl/certs", certificates)
	for _, file := range []string{e.CAFile, e.CertFile, e.KeyFile} {
		if dir := path.Dir(file); file != "" && !slices.ContainsFunc(covered, func(c string) bool { return below(dir, c) }) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	dirs = slices.DeleteFunc(slices.Clone(dirs), func(d string) bool {
		return slices.ContainsFunc(dirs, func(other string) bool { return other != d && below(d, other) })
	})
	for i, dir := range dirs {
		m.share("etcd-certs-"+string(rune('0'+i)), dir, corev1.HostPathDirectoryOrCreate)
	}
}

func below(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

func (m mounts) volumes() []corev1.Volume {
	var list []corev1.Volume
	for _, name := range slices.Sorted(maps.Keys(m)) {
		kind := m[name].kind
		list = append(list, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: m[name].host, Type: &kind},
		}})
	}
	return list
}

func (m mounts) volumeMounts() []corev1.VolumeMount {
	var list []corev1.VolumeMount
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, corev1.VolumeMount{Name: name, MountPath: m[name].inside, ReadOnly: m[name].readOnly})
	}
	return list
}
