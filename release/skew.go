package release

import "fmt"

// Reason says why something is not allowed; the empty Reason is OK.
type Reason string

// OK is the reason of what is allowed.
const OK Reason = ""

// How many minor versions a component may be older than the API server it talks to.
const (
	kubeletLag    = 3
	proxyLag      = 3
	controllerLag = 1
)

// KubeletMayTalkTo says whether a kubelet may use an API server: it must not be newer and at most three minor versions older.
func KubeletMayTalkTo(kubelet, apiServer Version) Reason {
	return follows("kubelet", kubelet, apiServer, kubeletLag)
}

// ProxyMayTalkTo says the same of kube-proxy.
func ProxyMayTalkTo(proxy, apiServer Version) Reason {
	return follows("kube-proxy", proxy, apiServer, proxyLag)
}

// ControllerMayTalkTo says the same of kube-controller-manager and kube-scheduler, which may be one minor version older.
func ControllerMayTalkTo(component string, have, apiServer Version) Reason {
	return follows(component, have, apiServer, controllerLag)
}

// KubectlMayTalkTo says whether a kubectl may use an API server: within one minor version either way.
func KubectlMayTalkTo(kubectl, apiServer Version) Reason {
	if kubectl.Major != apiServer.Major || distance(kubectl, apiServer) > 1 {
		return Reason(fmt.Sprintf("kubectl %s is more than one minor version away from the API server's %s", kubectl, apiServer))
	}
	return OK
}

// APIServersMayCoexist says whether API servers of these versions may serve one cluster: within one minor version.
func APIServersMayCoexist(a, b Version) Reason {
	if a.Major != b.Major || distance(a, b) > 1 {
		return Reason(fmt.Sprintf("API servers %s and %s are more than one minor version apart", a, b))
	}
	return OK
}

// MayUpgrade says whether a control plane may go from one version to another in one step while kubelets of the given
// versions are in the cluster: to the next minor version or within the present one, never back, and no kubelet may be left
// too far behind.
func MayUpgrade(from, to Version, kubelets ...Version) Reason {
	switch {
	case from.Major != to.Major:
		return Reason(fmt.Sprintf("from %s to %s is another major version", from, to))
	case to.Compare(from) < 0:
		return Reason(fmt.Sprintf("%s is older than the cluster's %s; Kubernetes cannot go back", to, from))
	case to.Minor > from.Minor+1:
		return Reason(fmt.Sprintf("from %s to %s skips a minor version; go to %d.%d first", from, to, from.Major, from.Minor+1))
	}
	for _, kubelet := range kubelets {
		if lag := to.Minor - kubelet.Minor; kubelet.Major != to.Major || lag > kubeletLag {
			return Reason(fmt.Sprintf("a kubelet is still at %s, more than %d minor versions behind %s; upgrade it first", kubelet, kubeletLag, to))
		}
	}
	return OK
}

func follows(component string, have, apiServer Version, lag int) Reason {
	switch {
	case have.Major != apiServer.Major:
		return Reason(fmt.Sprintf("%s %s and the API server's %s are different major versions", component, have, apiServer))
	case have.Minor > apiServer.Minor:
		return Reason(fmt.Sprintf("%s %s is newer than the API server's %s", component, have, apiServer))
	case apiServer.Minor-have.Minor > lag:
		return Reason(fmt.Sprintf("%s %s is more than %s behind the API server's %s", component, have, minors(lag), apiServer))
	}
	return OK
}

func minors(n int) string {
	if n == 1 {
		return "one minor version"
	}
	return fmt.Sprintf("%d minor versions", n)
}

func distance(a, b Version) int { return max(a.Minor-b.Minor, b.Minor-a.Minor) }
