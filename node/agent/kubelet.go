package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// kubeletCommand is the kubelet's command line and environment as kubeadm's systemd drop-in has them. The files are read anew
// for each start: kubeadm writes them and then restarts the kubelet.
func kubeletCommand(read func(string) ([]byte, error)) (args, env []string, err error) {
	values := map[string]string{}
	for _, file := range []string{kubeadmFlagsFile, kubeletExtraFile} {
		data, err := read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading the kubelet's arguments: %w", err)
		}
		maps.Copy(values, parseEnvironment(string(data)))
	}
	args = []string{
		"--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
		"--kubeconfig=/etc/kubernetes/kubelet.conf",
		"--config=" + kubeletConfig,
	}
	args = append(args, splitWords(values["KUBELET_KUBEADM_ARGS"])...)
	args = append(args, splitWords(values["KUBELET_EXTRA_ARGS"])...)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return args, env, nil
}
