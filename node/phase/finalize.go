package phase

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/slipway-dev/slipway/pki"
	"github.com/slipway-dev/slipway/plan"
)

// KubeletFinalize points a kubelet.conf that came with a certificate inside to the file in which the kubelet renews it. One
// that was made here points there from the start.
func KubeletFinalize() Phase {
	return Phase{Name: "kubelet-finalize", Short: "Updates settings relevant to the kubelet after TLS bootstrap", Plan: planFinalize}
}

func planFinalize(w *World) ([]Step, error) {
	name := kubernetesDir + "/kubelet.conf"
	data, err := w.Host.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it is made by this plan
	}
	if err != nil {
		return nil, fmt.Errorf("reading the kubelet's kubeconfig: %w", err)
	}
	k, err := pki.DecodeKubeconfig(data)
	if err != nil || k.CertFile != "" {
		return nil, nil // kubeconfig/kubelet judges it
	}
	if _, err := w.Host.Stat(w.kubeletClient()); err != nil {
		return nil, nil // the kubelet does not renew its certificate there
	}
	return []Step{{After: []string{APIAnswers, "kubeconfig/kubelet"}, Step: plan.Step{
		ID: "kubelet-finalize", Title: "kubelet certificate renewal", Object: name, Action: plan.Change,
		Reason: "it has a certificate of its own, which nobody renews", Disruption: plan.RestartsComponent,
		Run: func(ctx context.Context, _ plan.Reporter) error {
			k.Cert, k.Key, k.CertFile, k.KeyFile = nil, nil, w.kubeletClient(), w.kubeletClient()
			data, err := k.Encode()
			if err != nil {
				return err
			}
			if err := w.write(file{path: name, content: data, mode: secretMode}); err != nil {
				return fmt.Errorf("finishing the kubelet's settings: %w", err)
			}
			return w.restartKubelet(ctx)
		},
	}}}, nil
}
