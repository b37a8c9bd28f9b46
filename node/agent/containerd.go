package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"text/template"
)

// runtimeConfig is what containerd's configuration depends on.
type runtimeConfig struct {
	// PauseImage is the sandbox image; "" leaves containerd's own choice.
	PauseImage string
	// RestrictOOMScore is for machines that may not lower a process's OOM score: containers then get what is possible.
	RestrictOOMScore bool
}

// disabledPlugins are parts of containerd that a node does not use: snapshotters beside overlayfs, and services that cost
// memory, goroutines or a look at every container start. The task monitor only feeds containerd's own metrics, which nobody reads;
// out-of-memory events come from the shims.
var disabledPlugins = []string{
	"io.containerd.differ.v1.erofs",
	"io.containerd.image-verifier.v1.bindir",
	"io.containerd.internal.v1.opt",
	"io.containerd.internal.v1.tracing",
	"io.containerd.monitor.container.v1.restart",
	"io.containerd.monitor.task.v1.cgroups",
	"io.containerd.mount-handler.v1.erofs",
	"io.containerd.nri.v1.nri",
	"io.containerd.snapshotter.v1.blockfile",
	"io.containerd.snapshotter.v1.btrfs",
	"io.containerd.snapshotter.v1.devmapper",
	"io.containerd.snapshotter.v1.erofs",
	"io.containerd.snapshotter.v1.native",
	"io.containerd.snapshotter.v1.zfs",
	"io.containerd.tracing.processor.v1.otlp",
	"io.containerd.ttrpc.v1.otelttrpc",
}

// Statistics are for nobody but the kubelet's summary, which takes containers from cgroups itself: collecting them once a
// second, as containerd does when not told otherwise, is most of its idle CPU.
var containerdTemplate = template.Must(template.New("config.toml").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(
	`# Written by slipway agent at every start.
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
{{- range .Disabled}}
  {{quote .}},
{{- end}}
]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  stats_collect_period = 60
{{- if .PauseImage}}

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = {{quote .PauseImage}}
{{- end}}

[plugins."io.containerd.cri.v1.images".registry]
  config_path = "/etc/containerd/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = {{.RestrictOOMScore}}
  stats_collect_period = "30s"

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/cni/bin"]
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
`))

// render writes containerd's configuration.
func (c runtimeConfig) render() ([]byte, error) {
	var out bytes.Buffer
	err := containerdTemplate.Execute(&out, struct {
		runtimeConfig
		Disabled []string
	}{c, disabledPlugins})
	if err != nil {
		return nil, fmt.Errorf("rendering containerd's configuration: %w", err)
	}
	return out.Bytes(), nil
}

// pauseImage reads the machine image's choice; an image that names none is no error.
func pauseImage(read func(string) ([]byte, error)) (string, error) {
	data, err := read(MachineFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var file struct {
		PauseImage string `json:"pauseImage"`
	}
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", MachineFile, err)
	}
	return file.PauseImage, nil
}
