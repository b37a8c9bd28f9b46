// Command flanneld is flannel's daemon over flannel's own packages, for the Kubernetes API as the store of leases and
// nftables as the firewall. It takes upstream's flags, without those for etcd, iptables and the clouds' route tables.
//
// One thing is added: once the node has its lease and the backend is up, flanneld itself writes the CNI configuration
// (--cni-conf). So the node reports Ready when pods can in fact be connected, and neither an init container that copies
// files nor flannel's CNI meta-plugin is needed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"
)

// version is set by the linker.
var version = "unknown"

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
	if o.version {
		fmt.Println(version)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		klog.ErrorS(err, "Flannel stopped")
		klog.Flush()
		os.Exit(1)
	}
}

// options are the flags, by upstream's names where upstream has them.
type options struct {
	kubeSubnetMgr  bool
	kubeAPIURL     string
	kubeconfig     string
	annotations    string
	ifaces         list
	ifaceRegexes   list
	ifaceReach     string
	publicIP       string
	publicIPv6     string
	ipMasq         bool
	plainMasq      bool
	forwardRules   bool
	netConf        string
	subnetFile     string
	cniConf        string
	setUnavailable bool
	healthzIP      string
	healthzPort    int
	version        bool
}

type list []string

func (l *list) String() string         { return fmt.Sprint(*l) }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("flanneld", flag.ContinueOnError)
	fs.BoolVar(&o.kubeSubnetMgr, "kube-subnet-mgr", true, "keep leases in the Kubernetes API; the only store that this build knows")
	fs.StringVar(&o.kubeAPIURL, "kube-api-url", "", "URL of the Kubernetes API; not needed in a pod")
	fs.StringVar(&o.kubeconfig, "kubeconfig-file", "", "kubeconfig file; not needed in a pod")
	fs.StringVar(&o.annotations, "kube-annotation-prefix", "flannel.alpha.coreos.com", "prefix of the node annotations that hold leases")
	fs.Var(&o.ifaces, "iface", "interface (IP or name) that reaches the other nodes; may be repeated, the first that exists is used")
	fs.Var(&o.ifaceRegexes, "iface-regex", "expression for the interface (IP or name); may be repeated, looked at after --iface")
	fs.StringVar(&o.ifaceReach, "iface-can-reach", "", "use the interface whose route leads to this IP")
	fs.StringVar(&o.publicIP, "public-ip", "", "IPv4 address at which the other nodes reach this one")
	fs.StringVar(&o.publicIPv6, "public-ipv6", "", "IPv6 address at which the other nodes reach this one")
	fs.BoolVar(&o.ipMasq, "ip-masq", false, "masquerade what pods send outside of the pod network")
	fs.BoolVar(&o.plainMasq, "ip-masq-fully-random-disable", false, "masquerade without random source ports")
	fs.BoolVar(&o.forwardRules, "iptables-forward-rules", true, "accept forwarded packets from and to the pod network (here: in nftables)")
	fs.StringVar(&o.netConf, "net-config-path", "/etc/kube-flannel/net-conf.json", "file with the network configuration")
	fs.StringVar(&o.subnetFile, "subnet-file", "/run/flannel/subnet.env", "file that tells the lease to others")
	fs.StringVar(&o.cniConf, "cni-conf", "", "CNI configuration list to write once pods can be connected, such as /etc/cni/net.d/10-flannel.conflist")
	fs.BoolVar(&o.setUnavailable, "set-node-network-unavailable", true, "clear the node's NetworkUnavailable condition when ready")
	fs.StringVar(&o.healthzIP, "healthz-ip", "0.0.0.0", "address of /healthz and /readyz")
	fs.IntVar(&o.healthzPort, "healthz-port", 0, "port of /healthz and /readyz; 0 serves neither")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	verbosity(fs)
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case !o.kubeSubnetMgr:
		return o, fmt.Errorf("--kube-subnet-mgr=false asks for leases in etcd, which this build of flannel does not have")
	}
	return o, nil
}

// verbosity adds klog's -v, the one of its flags that people use.
func verbosity(fs *flag.FlagSet) {
	all := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(all)
	v := all.Lookup("v")
	fs.Var(v.Value, v.Name, v.Usage)
}
