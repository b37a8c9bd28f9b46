package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
)

// listenNotify opens the gate whenever the program that was given the socket says READY=1, as sd_notify(3) has it.
func listenNotify(path string, ready *gate, log *slog.Logger) (*net.UnixConn, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing the old notify socket: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("listening for notifications: %w", err)
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					log.Error("reading notifications", "error", err)
				}
				return
			}
			for line := range bytes.SplitSeq(buf[:n], []byte("\n")) {
				if string(line) == "READY=1" {
					ready.open()
				}
			}
		}
	}()
	return conn, nil
}
