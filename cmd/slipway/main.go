// Command slipway looks after the whole life of Kubernetes clusters. What it does depends on the name it is called by:
// as kubeadm it is the drop-in for kubeadm, as systemctl the face of a machine's first process, otherwise itself.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/slipway-dev/slipway/internal/cli"
	"github.com/slipway-dev/slipway/internal/cli/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Run(ctx, term.Standard(), os.Args))
}
