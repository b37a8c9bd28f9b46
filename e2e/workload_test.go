//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: %[1]s
        imagePullPolicy: Never
        command: [/agnhost, netexec, --http-port=8080]
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  securityContext: {seccompProfile: {type: RuntimeDefault}}
  terminationGracePeriodSeconds: 0
  containers:
  - name: client
    image: %[1]s
    imagePullPolicy: Never
    command: [/agnhost, pause]
`

// httpGet fetches a path with nothing but bash, whose /dev/tcp resolves names as every program in the pod does.
const httpGet = `exec 3<>/dev/tcp/%s/%d && printf 'GET %s HTTP/1.0\r\n\r\n' >&3 && cat <&3`

// workloads checks that pods run, find each other and reach the outside.
func workloads(t *testing.T, cluster string) {
	image := loadTestImage(t, cluster)
	apply(t, cluster, fmt.Sprintf(web, image))
	kubectl(t, cluster, "rollout", "status", "deployment/web", "--timeout=60s")
	kubectl(t, cluster, "wait", "--for=condition=Ready", "pod/client", "--timeout=60s")

	t.Run("a Service answers by DNS name from another pod", func(t *testing.T) {
		script := fmt.Sprintf(httpGet, "web.default.svc.cluster.local", 80, "/hostname")
		eventually(t, 15*time.Second, "asking the Service", func() error {
			r := run(t, "kubectl", "--cluster", cluster, "exec", "client", "--", "bash", "-c", script)
			if r.status != 0 || !strings.Contains(r.stdout, "web-") {
				return fmt.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
			}
			return nil
		})
	})
	t.Run("logs and exec work", func(t *testing.T) {
		if logs := kubectl(t, cluster, "logs", "deployment/web", "--all-pods"); !strings.Contains(logs, "8080") {
			t.Errorf("logs %q say nothing of the port", logs)
		}
		if out := kubectl(t, cluster, "exec", "client", "--", "bash", "-c", "echo hello from $HOSTNAME"); strings.TrimSpace(out) != "hello from client" {
			t.Errorf("exec printed %q", out)
		}
	})
	t.Run("seccomp RuntimeDefault is in force", func(t *testing.T) {
		if out := kubectl(t, cluster, "exec", "client", "--", "grep", "^Seccomp:", "/proc/self/status"); strings.Fields(out)[1] != "2" {
			t.Errorf("got %q, want mode 2 (filter)", out)
		}
	})
	t.Run("a pod reaches outside its node", func(t *testing.T) {
		address, port := serveOutside(t)
		script := fmt.Sprintf("exec 3<>/dev/tcp/%s/%d && cat <&3", address, port)
		if out := kubectl(t, cluster, "exec", "client", "--", "bash", "-c", script); strings.TrimSpace(out) != outsideGreeting {
			t.Errorf("the outside said %q", out)
		}
	})
	t.Run("a port of a pod can be forwarded", func(t *testing.T) {
		if got := forwarded(t, cluster); !strings.Contains(got, "200 OK") {
			t.Errorf("got %q through the forwarded port", got)
		}
	})
}

const outsideGreeting = "hello from outside"

// serveOutside serves a greeting in a network namespace that stands for the world beyond the host, and returns its address.
func serveOutside(t *testing.T) (string, int) {
	t.Helper()
	const address = "198.51.100.2" // TEST-NET-2 of RFC 5737: nobody's
	listener := listenInNamespace(t, "slipway-e2e-outside", "198.51.100.1/30", address+"/30")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed at the end of the test
			}
			fmt.Fprintln(conn, outsideGreeting)
			conn.Close()
		}
	}()
	return address, listener.Addr().(*net.TCPAddr).Port
}
