package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// leases keeps flannel's leases where flannel's own manager for Kubernetes does, in annotations of the nodes, so that nodes
// with either can be in one cluster. It differs in waiting: upstream's looks once a second whether its cache is filled and
// gives up on a node that has no pod CIDR yet; this one goes on at the event that it waits for. A node becomes Ready only
// after flannel, so that second is in every start of a cluster.
type leases struct {
	config         *subnet.Config
	names          names
	node           string
	nodes          corev1.NodeInterface
	setUnavailable bool

	known   cache.Store // *v1.Node, stripped
	changed bell        // our own node has changed
	events  queue       // what the backend has not been told of yet
}

// leases stands in for flannel's own manager.
var _ subnet.Manager = (*leases)(nil)

// connect reads the network configuration and begins to watch the nodes.
func connect(ctx context.Context, o options) (*leases, error) {
	node := os.Getenv("NODE_NAME")
	if node == "" {
		return nil, fmt.Errorf("the environment variable NODE_NAME must name this node")
	}
	text, err := os.ReadFile(o.netConf)
	if err != nil {
		return nil, fmt.Errorf("reading the network configuration: %w", err)
	}
	config, err := subnet.ParseConfig(string(text))
	if err != nil {
		return nil, fmt.Errorf("parsing %q: %w", o.netConf, err)
	}
	names, err := namesWith(o.annotations)
	if err != nil {
		return nil, err
	}
	access, err := clientcmd.BuildConfigFromFlags(o.kubeAPIURL, o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("finding the Kubernetes API: %w", err)
	}
	access.ContentType = runtime.ContentTypeProtobuf
	client, err := corev1.NewForConfig(access)
	if err != nil {
		return nil, fmt.Errorf("connecting to the Kubernetes API: %w", err)
	}
	l := &leases{config: config, names: names, node: node, nodes: client.Nodes(), setUnavailable: o.setUnavailable}
	l.watch(ctx)
	return l, nil
}

// watch fills known and keeps it so until ctx ends.
func (l *leases) watch(ctx context.Context) {
	l.changed, l.events.arrived = make(bell, 1), make(bell, 1)
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return l.nodes.List(ctx, o) },
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return l.nodes.Watch(ctx, o)
			},
		},
		ObjectType: &v1.Node{},
		Transform:  l.names.strip,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(node any) { l.told(nil, node) },
			UpdateFunc: func(before, after any) { l.told(before, after) },
			DeleteFunc: func(node any) { l.gone(node) },
		},
	})
	l.known = store
	go controller.RunWithContext(ctx)
}

// told takes a node that is new or has changed.
func (l *leases) told(before, after any) {
	node := after.(*v1.Node)
	if node.Name == l.node {
		l.changed.ring()
	}
	if old, ok := before.(*v1.Node); ok && sameLease(l.names, old, node) {
		return
	}
	l.tell(lease.EventAdded, node)
}

// gone takes a node that was deleted, perhaps while we were not looking.
func (l *leases) gone(deleted any) {
	if unseen, ok := deleted.(cache.DeletedFinalStateUnknown); ok {
		deleted = unseen.Obj
	}
	if node, ok := deleted.(*v1.Node); ok {
		l.tell(lease.EventRemoved, node)
	}
}

func (l *leases) tell(what lease.EventType, node *v1.Node) {
	if node.Annotations[l.names.managed] != "true" {
		return
	}
	of, err := l.names.leaseOf(node, l.config)
	if err != nil {
		klog.ErrorS(err, "A node's lease cannot be read", "node", node.Name)
		return
	}
	l.events.add(lease.Event{Type: what, Lease: of})
}

// own waits until this node is known and as wanted.
func (l *leases) own(ctx context.Context, wanted func(*v1.Node) bool, missing string) (*v1.Node, error) {
	for said := false; ; {
		if found, ok, err := l.known.GetByKey(l.node); err != nil {
			return nil, err
		} else if ok && wanted(found.(*v1.Node)) {
			return found.(*v1.Node), nil
		}
		if !said {
			klog.InfoS("Waiting", "node", l.node, "for", missing)
			said = true
		}
		select {
		case <-l.changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func exists(*v1.Node) bool { return true }

func hasPodCIDR(n *v1.Node) bool { return n.Spec.PodCIDR != "" || len(n.Spec.PodCIDRs) > 0 }

// AcquireLease implements subnet.Manager: the lease is the node's pod CIDR; what others need for reaching it is annotated.
func (l *leases) AcquireLease(ctx context.Context, attrs *lease.LeaseAttrs) (*lease.Lease, error) {
	node, err := l.own(ctx, hasPodCIDR, "its pod CIDR")
	if err != nil {
		return nil, err
	}
	acquired, err := subnets(node, l.config)
	if err != nil {
		return nil, err
	}
	acquired.Attrs, acquired.Expiration = *attrs, time.Now().Add(24*time.Hour) // as upstream; nobody looks at it
	wanted := l.names.annotationsFor(node, attrs)
	if covers(node.Annotations, wanted) {
		return &acquired, nil
	}
	patch := map[string]any{"metadata": map[string]any{"annotations": wanted}}
	return &acquired, l.patch(ctx, types.MergePatchType, patch)
}

// CompleteLease implements subnet.Manager: it tells the scheduler that the node has its network.
func (l *leases) CompleteLease(ctx context.Context, _ *lease.Lease, _ *sync.WaitGroup) error {
	if !l.setUnavailable {
		return nil
	}
	now := metav1.Now()
	condition := v1.NodeCondition{Type: v1.NodeNetworkUnavailable, Status: v1.ConditionFalse, Reason: "FlannelIsUp",
		Message: "Flannel is running on this node", LastTransitionTime: now, LastHeartbeatTime: now}
	patch := map[string]any{"status": map[string]any{"conditions": []v1.NodeCondition{condition}}}
	return l.patch(ctx, types.StrategicMergePatchType, patch)
}

// patch changes our node and goes on trying while the API server cannot be reached, as it may while it is restarted.
func (l *leases) patch(ctx context.Context, how types.PatchType, patch any) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		_, err := l.nodes.Patch(ctx, l.node, how, data, metav1.PatchOptions{}, "status")
		if err == nil || ctx.Err() != nil {
			return err
		}
		klog.ErrorS(err, "The node could not be patched, trying again", "node", l.node)
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// WatchLeases implements subnet.Manager.
func (l *leases) WatchLeases(ctx context.Context, receiver chan []lease.LeaseWatchResult) error {
	defer close(receiver)
	for {
		if events := l.events.take(); len(events) > 0 {
			select {
			case receiver <- []lease.LeaseWatchResult{{Events: events}}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-l.events.arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// GetStoredMacAddresses implements subnet.Manager: the VXLAN device gets the addresses that it had before, which the other
// nodes know.
func (l *leases) GetStoredMacAddresses(ctx context.Context) (v4, v6 string) {
	node, err := l.own(ctx, exists, "its node object")
	if err != nil {
		return "", ""
	}
	return vtepMAC(node.Annotations[l.names.data]), vtepMAC(node.Annotations[l.names.dataV6])
}

// GetStoredPublicIP implements subnet.Manager.
func (l *leases) GetStoredPublicIP(ctx context.Context) (v4, v6 string) {
	node, err := l.own(ctx, exists, "its node object")
	if err != nil {
		return "", ""
	}
	return node.Annotations[l.names.nodePublicIP], node.Annotations[l.names.nodePublicIPv6]
}

// GetNetworkConfig implements subnet.Manager.
func (l *leases) GetNetworkConfig(context.Context) (*subnet.Config, error) { return l.config, nil }

// HandleSubnetFile implements subnet.Manager.
func (l *leases) HandleSubnetFile(path string, config *subnet.Config, ipMasq bool, sn ip.IP4Net, sn6 ip.IP6Net, mtu int) error {
	return subnet.WriteSubnetFile(path, config, ipMasq, sn, sn6, mtu)
}

// Name implements subnet.Manager.
func (l *leases) Name() string { return "Kubernetes nodes, for " + l.node }

// RenewLease and WatchLease implement subnet.Manager; only leases in etcd run out.
func (l *leases) RenewLease(context.Context, *lease.Lease) error { return errNotNeeded }

// WatchLease is never called by a backend.
func (l *leases) WatchLease(context.Context, ip.IP4Net, ip.IP6Net, chan []lease.LeaseWatchResult) error {
	return errNotNeeded
}

var errNotNeeded = fmt.Errorf("leases in the Kubernetes API do not run out")
