package phase

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/node/apiclient"
	"github.com/slipway-dev/slipway/node/kubeadm"
	"github.com/slipway-dev/slipway/node/manifest"
	"github.com/slipway-dev/slipway/plan"
)

// APIAnswers is the step after which objects can be written.
const APIAnswers = "wait-control-plane/api"

// etcdAnswers is the step after which the API server can reach etcd.
const etcdAnswers = "wait-control-plane/etcd"

// EtcdAnswers waits until etcd serves, when the API server is to start after that.
func EtcdAnswers() Phase {
	return Phase{Name: "wait-control-plane", Short: "Wait for etcd to serve", Plan: func(w *World) ([]Step, error) {
		if !w.apiServerLater() {
			return nil, nil
		}
		url, err := manifest.EtcdHealthURL(w.Config)
		if err != nil {
			return nil, err
		}
		return []Step{w.healthStep(manifest.Etcd, url, w.Config.Timeouts.ControlPlaneComponentHealthCheck, "etcd/local")}, nil
	}}
}

// API waits until the API server takes objects: until the namespace that they go into exists, which it makes itself soon
// after it starts. That is earlier than /readyz says so, and nothing else is needed.
func API() Phase {
	return Phase{Name: "wait-control-plane", Short: "Wait for the control plane to start", Plan: func(w *World) ([]Step, error) {
		return []Step{{After: []string{"preflight", "kubeconfig/", "kubelet-start", "control-plane/apiserver"}, Step: plan.Step{
			ID: APIAnswers, Title: "API server", Object: w.Config.LocalAPIEndpoint.URL(), Action: plan.Run, Reason: "what follows is written into the cluster",
			Run: func(ctx context.Context, _ plan.Reporter) error { return w.waitForAPI(ctx) },
		}}}, nil
	}}
}

// Healthy waits until the kubelet and every component of the control plane say that they are well, all at the same time.
func Healthy() Phase {
	return Phase{Name: "wait-control-plane", Short: "Wait for the control plane to be healthy", Plan: planHealthy}
}

func planHealthy(w *World) ([]Step, error) {
	limit := w.Config.Timeouts
	kcm, scheduler := &w.Config.Cluster.ControllerManager, &w.Config.Cluster.Scheduler
	steps := []Step{
		w.healthStep("kubelet", w.kubeletHealthURL(), limit.KubeletHealthCheck, "kubelet-start"),
		w.healthStep(manifest.ControllerManager, componentURL(kcm, manifest.ControllerManagerPort, "/healthz"), limit.ControlPlaneComponentHealthCheck, "control-plane/controller-manager"),
		w.healthStep(manifest.Scheduler, componentURL(scheduler, manifest.SchedulerPort, "/livez"), limit.ControlPlaneComponentHealthCheck, "control-plane/scheduler"),
	}
	return append(steps, Step{After: []string{APIAnswers}, Step: plan.Step{
		ID: "wait-control-plane/" + manifest.APIServer, Title: manifest.APIServer + " healthy", Object: w.Config.LocalAPIEndpoint.URL() + "/livez", Action: plan.Run,
		Run: func(ctx context.Context, _ plan.Reporter) error {
			c, err := w.client()
			if err != nil {
				return err
			}
			return w.poll(ctx, manifest.APIServer, limit.ControlPlaneComponentHealthCheck, func(ctx context.Context) error { return c.Get(ctx, "/livez", nil) })
		},
	}}), nil
}

func (w *World) healthStep(name, url string, limit *metav1.Duration, after string) Step {
	return Step{After: []string{"preflight", "kubelet-start", after}, Step: plan.Step{
		ID: "wait-control-plane/" + name, Title: name + " healthy", Object: url, Action: plan.Run,
		Run: func(ctx context.Context, _ plan.Reporter) error {
			// Only the answer counts, and the certificate is one that the component has made for itself.
			client := &http.Client{Transport: w.Options.Transport.Make(&tls.Config{InsecureSkipVerify: true}), Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			return w.poll(ctx, name, limit, func(ctx context.Context) error { return ask(ctx, client, url) })
		},
	}}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // the status says enough when the text cannot be read
		return fmt.Errorf("%s answered %d: %s", url, resp.StatusCode, text)
	}
	return nil
}

func componentURL(c *kubeadm.ControlPlaneComponent, port int, path string) string {
	host, p := "127.0.0.1", strconv.Itoa(port)
	if v, ok := kubeadm.Value(c.ExtraArgs, "bind-address"); ok && v != "0.0.0.0" && v != "::" {
		host = v
	}
	if v, ok := kubeadm.Value(c.ExtraArgs, "secure-port"); ok {
		p = v
	}
	return "https://" + net.JoinHostPort(host, p) + path
}

func (w *World) waitForAPI(ctx context.Context) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	err = w.poll(ctx, manifest.APIServer, w.Config.Timeouts.ControlPlaneComponentHealthCheck, func(ctx context.Context) error {
		return c.Get(ctx, "/api/v1/namespaces/"+metav1.NamespaceSystem, nil)
	})
	if err != nil {
		return &SilentError{err}
	}
	return nil
}

// SilentError says that the API server did not come up, or not in time.
type SilentError struct{ Err error }

func (e *SilentError) Error() string { return e.Err.Error() }

// Unwrap returns what was wrong the last time that it was asked.
func (e *SilentError) Unwrap() error { return e.Err }

// Hint says where to look.
func (e *SilentError) Hint() string {
	return fmt.Sprintf("the kubelet starts it from %s: look at the logs of the kubelet and of the containers of %s and %s",
		manifest.Path(manifest.APIServer), manifest.Etcd, manifest.APIServer)
}

// admin is a client of the node's own API server with all rights: the super administrator's while that kubeconfig is here,
// because the administrator's rights are objects that init has yet to write.
func (w *World) admin() (*apiclient.Client, error) {
	data, err := w.Host.ReadFile(superAdminKubeconfig)
	if err != nil {
		if data, err = w.Host.ReadFile(AdminKubeconfig); err != nil {
			return nil, fmt.Errorf("reading the administrator's kubeconfig: %w", err)
		}
	}
	return apiclient.New(data, w.Config.LocalAPIEndpoint.URL(), w.Options.Transport)
}

// poll asks again and again until there is no error, for at most as long as limit. A program that is starting sends no event;
// asking is all one can do.
func (w *World) poll(ctx context.Context, what string, limit *metav1.Duration, question func(context.Context) error) error {
	return w.retry(ctx, limit.Duration, question, func(last error) error {
		return fmt.Errorf("%s is not healthy after %s: %w", what, limit.Duration, last)
	})
}

// persist repeats a request to the API server while its error may pass by itself.
func (w *World) persist(ctx context.Context, request func(context.Context) error) error {
	limit := w.Config.Timeouts.KubernetesAPICall.Duration
	return w.retry(ctx, limit, request, func(last error) error { return fmt.Errorf("%w (tried for %s)", last, limit) })
}

func (w *World) retry(ctx context.Context, limit time.Duration, try func(context.Context) error, expired func(error) error) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := w.Options.Poll
	if pause == 0 {
		pause = DefaultPoll
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var last error
	for {
		err := try(bounded)
		switch {
		case err == nil:
			return nil
		case !apiclient.IsTransient(err):
			return err
		case last == nil || !errors.Is(err, context.DeadlineExceeded):
			last = err
		}
		select {
		case <-tick.C:
		case <-bounded.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return expired(last)
		}
	}
}
