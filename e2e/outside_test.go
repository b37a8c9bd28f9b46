//go:build e2e

package e2e

import (
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// listenInNamespace makes a network namespace joined to this host's by a veth pair with the given addresses, and returns a
// listener in it. All of it goes when the test ends.
func listenInNamespace(t *testing.T, name, here, there string) net.Listener {
	t.Helper()
	runtime.LockOSThread() // a namespace belongs to a thread; the thread ends with the test's goroutine if it cannot return
	host, err := netns.Get()
	check(t, err, "reading this thread's namespace")
	defer host.Close()
	inside, err := netns.NewNamed(name)
	check(t, err, "making the namespace")
	t.Cleanup(func() {
		inside.Close()
		if err := netns.DeleteNamed(name); err != nil {
			t.Errorf("removing the namespace: %v", err)
		}
	})
	check(t, netns.Set(host), "returning to the host's namespace")

	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "slipe2e0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(inside)}), "making the veth pair")
	addAddress(t, "slipe2e0", here)
	check(t, netns.Set(inside), "entering the namespace")
	addAddress(t, "eth0", there)
	listener, err := net.Listen("tcp", strings.Split(there, "/")[0]+":0")
	check(t, err, "listening in the namespace")
	t.Cleanup(func() { listener.Close() })
	// The answers' way back: the host masquerades for the clusters, so its own address is all that is ever seen here.
	check(t, netns.Set(host), "returning to the host's namespace")
	runtime.UnlockOSThread()
	return listener
}

func addAddress(t *testing.T, link, address string) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	check(t, err, "finding "+link)
	a, err := netlink.ParseAddr(address)
	check(t, err, "parsing "+address)
	check(t, netlink.AddrAdd(l, a), "adding "+address)
	check(t, netlink.LinkSetUp(l), "setting up "+link)
}

func check(t *testing.T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// forwarded asks the web pods for their health through kubectl port-forward.
func forwarded(t *testing.T, cluster string) string {
	t.Helper()
	cmd := exec.Command(slipway, "kubectl", "--cluster", cluster, "port-forward", "deployment/web", ":8080")
	out, err := cmd.StdoutPipe()
	check(t, err, "connecting to port-forward")
	check(t, cmd.Start(), "starting port-forward")
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	buf := make([]byte, 200)
	n, err := out.Read(buf) // Forwarding from 127.0.0.1:41515 -> 8080
	check(t, err, "reading from port-forward")
	address := strings.Fields(string(buf[:n]))[2]
	conn, err := net.Dial("tcp", address)
	check(t, err, "connecting to the forwarded port")
	defer conn.Close()
	_, err = conn.Write([]byte("GET /healthz HTTP/1.0\r\n\r\n"))
	check(t, err, "asking")
	n, err = conn.Read(buf)
	check(t, err, "reading the answer")
	return string(buf[:n])
}
