//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipway-dev/slipway/addon"
	"github.com/slipway-dev/slipway/addon/catalog"
	"github.com/slipway-dev/slipway/addon/catalog/flannel"
	"github.com/slipway-dev/slipway/cluster"
	"github.com/slipway-dev/slipway/engine"
	"github.com/slipway-dev/slipway/engine/network"
	"github.com/slipway-dev/slipway/image"
	"github.com/slipway-dev/slipway/release"
)

const peerName = "bench-peer"

// peerConfig is what somebody writes who runs kubeadm in a system container: kubeadm's own defaults, the images of this
// release, and what the kubelet needs there.
const peerConfig = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: %[1]s}
nodeRegistration:
  name: %[2]s-control-plane-1
  criSocket: unix:///run/containerd/containerd.sock
  taints: []
  imagePullPolicy: IfNotPresent
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: %[2]s
kubernetesVersion: %[3]s
controlPlaneEndpoint: %[4]s:6443
networking: {podSubnet: 10.244.0.0/16}
apiServer: {certSANs: [127.0.0.1]}
etcd: {local: {imageTag: %[5]s}}
dns: {imageTag: %[6]s}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
cgroupRoot: /kubelet
failSwapOn: false
failCgroupV1: false
oomScoreAdj: 0
evictionHard: {imagefs.available: 0%%, imagefs.inodesFree: 0%%, nodefs.available: 0%%, nodefs.inodesFree: 0%%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
`

// peer is a cluster that upstream's kubeadm makes on Slipway's machine image.
type peer struct {
	local   *cluster.Local
	release release.Release
	image   image.Machine
	engine  *engine.Engine
	kubeadm string
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	newest := release.AllSupported()[0]
	local := &cluster.Local{
		Home: engine.DefaultHome, RunDir: engine.DefaultRun, Arch: runtime.GOARCH, Executable: slipway, Rand: rand.Reader, Now: time.Now,
		Warn: func(message string) { t.Log("warning:", message) },
	}
	r, err := local.Store().Lookup(newest.Kubernetes, local.Arch)
	check(t, err, "finding the release")
	i, err := image.Current(local.ImageOptions(r))
	check(t, err, "finding the image")
	if !i.Built {
		t.Fatal("the machine image is not built: run slipway image build")
	}
	return &peer{local: local, release: r, image: i, engine: local.Engine(r), kubeadm: buildKubeadm(t)}
}

// buildKubeadm compiles upstream's kubeadm.
func buildKubeadm(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeadm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
		"-o", path, "k8s.io/kubernetes/cmd/kubeadm")
	build.Dir = "../../dist/testing"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compiling kubeadm: %v\n%s", err, out)
	}
	return path
}

func tag(reference string) string {
	for i := len(reference) - 1; ; i-- {
		if reference[i] == ':' {
			return reference[i+1:]
		}
	}
}

func (p *peer) userData() []byte {
	config := fmt.Sprintf(peerConfig, network.FirstMachine(), peerName, p.release.Kubernetes, network.BridgeAddress(),
		tag(p.release.Image(release.Etcd)), tag(p.release.Image(release.CoreDNS)))
	return fmt.Appendf(nil, "#cloud-config\nwrite_files:\n- path: /run/kubeadm/kubeadm.yaml\n  permissions: '0600'\n  encoding: base64\n  content: %s\nruncmd:\n- /usr/local/bin/kubeadm init --config /run/kubeadm/kubeadm.yaml --ignore-preflight-errors=all --skip-phases=addon\n",
		base64.StdEncoding.EncodeToString([]byte(config)))
}

// up makes the peer's cluster and returns the times from the start of its machine to the API answering, to the node being
// Ready and to the addons being healthy. The addons are applied the moment the API answers, which is better than any script.
func (p *peer) up(t *testing.T) (times map[string]time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	check(t, os.MkdirAll(filepath.Join(p.local.Home, "clusters", peerName), 0o700), "making the directory")
	_, err := p.engine.EnsureNetwork(ctx, peerName)
	check(t, err, "making the network")
	gateway, _, err := p.engine.EnsureGateway(ctx, peerName, 0, 6443)
	check(t, err, "starting the gateway")

	started := time.Now()
	times = map[string]time.Duration{}
	_, err = p.engine.EnsureMachine(ctx, engine.MachineSpec{
		Cluster: peerName, Name: peerName + "-control-plane-1", ControlPlane: true, Address: network.FirstMachine(),
		Image: p.image.Digest, LowerDirs: p.image.LowerDirs, StateDir: p.image.StateDir,
		Args:     []string{"/usr/bin/slipway", "agent", "--pause-image", p.release.Image(release.Pause)},
		UserData: p.userData(),
		Mounts:   []engine.Mount{{Source: p.kubeadm, Target: "/usr/local/bin/kubeadm", ReadOnly: true}},
	})
	check(t, err, "starting the machine")
	client := p.client(t, ctx, gateway.Port)
	node := &unstructured.Unstructured{}
	node.SetAPIVersion("v1")
	node.SetKind("Node")
	node.SetName(peerName + "-control-plane-1")
	addons, err := catalog.Bootstrap(catalog.Values{
		KubeProxyImage: p.release.Image("kube-proxy"), CoreDNSImage: p.release.Image(release.CoreDNS), FlannelImage: p.release.Image(release.Flannel),
		APIEndpoint: "https://" + netip.AddrPortFrom(network.BridgeAddress(), 6443).String(), PodCIDRs: []string{"10.244.0.0/16"},
		ServiceCIDRs: []string{"10.96.0.0/12"}, Backend: flannel.HostGW,
	})
	check(t, err, "rendering the addons")
	for _, a := range addons {
		_, err := addon.Start(ctx, client, a, addon.Options{Patience: 4 * time.Minute})
		check(t, err, "applying "+a.Name)
	}
	times["api"] = time.Since(started)
	check(t, addon.Wait(ctx, client, []*unstructured.Unstructured{node}, nil), "waiting for the node")
	times["node"] = time.Since(started)
	_, err = addon.Install(ctx, client, addons, addon.Options{})
	check(t, err, "waiting for the addons")
	times["addons"] = time.Since(started)
	return times
}

// client waits for the kubeconfig that kubeadm writes and points it at the gateway.
func (p *peer) client(t *testing.T, ctx context.Context, port int) *addon.Client {
	t.Helper()
	machines, err := p.engine.Machines(ctx, peerName)
	check(t, err, "finding the machine")
	path := fmt.Sprintf("/proc/%d/root/etc/kubernetes/super-admin.conf", machines[0].PID)
	tick := time.NewTicker(10 * time.Millisecond) // another program's file in another mount namespace: no event reaches us
	defer tick.Stop()
	for {
		data, err := os.ReadFile(path)
		if err == nil {
			cfg, err := clientcmd.RESTConfigFromKubeConfig(data)
			if err == nil {
				cfg.Host = fmt.Sprintf("https://127.0.0.1:%d", port)
				client, err := addon.NewClient(cfg)
				check(t, err, "making a client")
				return client
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("kubeadm wrote no kubeconfig; see its log in ", p.engine.MachineVar(peerName, peerName+"-control-plane-1"))
		}
	}
}

func (p *peer) down(t *testing.T) {
	t.Helper()
	check(t, p.engine.DeleteCluster(context.Background(), peerName), "removing the peer's cluster")
}

func check(t *testing.T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}
