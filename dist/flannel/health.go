package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
)

// serveHealth answers /healthz while flanneld lives and /readyz once the returned flag is set, until ctx ends. With port 0
// nothing is served.
func serveHealth(ctx context.Context, address string, port int) (*atomic.Bool, error) {
	ready := new(atomic.Bool)
	if port == 0 {
		return ready, nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("serving health: %w", err)
	}
	server := &http.Server{Handler: health(ready), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			klog.ErrorS(err, "Health is served no longer")
		}
	}()
	return ready, nil
}

func health(ready *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "flanneld is running")
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "flanneld is not ready yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "flanneld is ready")
	})
	return mux
}
