// Init is the first process of a machine in the engine's tests: it answers on port 6443 with the machine's host name, and has
// a few words to run with exec.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		word(os.Args[1], os.Args[2:])
		return
	}
	// A child and a grandchild, to be ended with the machine.
	child := exec.Command("/init", "sleep")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		fmt.Println("starting child:", err)
	}
	l, err := net.Listen("tcp4", ":6443")
	if err != nil {
		fmt.Println("listening:", err)
		os.Exit(1)
	}
	fmt.Println("machine is up")
	go serve(l)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	_ = os.WriteFile("/var/ended", []byte("asked to end\n"), 0o600)
}

func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		name, _ := os.Hostname()
		_, _ = io.WriteString(c, name)
		c.Close()
	}
}

func word(name string, args []string) {
	switch name {
	case "sleep":
		time.Sleep(time.Hour)
	case "exit":
		status, _ := strconv.Atoi(args[0])
		os.Exit(status)
	case "cat":
		for _, path := range args {
			data, err := os.ReadFile(path)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Stdout.Write(data)
		}
	case "mode":
		info, err := os.Stat(args[0])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(info.Mode())
	case "write":
		if err := os.WriteFile(args[0], []byte(args[1]), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "tty":
		device, _ := os.Readlink("/proc/self/fd/0")
		fmt.Println("terminal:", strings.HasPrefix(device, "/dev/pts/"))
	case "dial":
		c, err := net.DialTimeout("tcp4", args[0], 3*time.Second)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_, _ = io.Copy(os.Stdout, c)
	case "mkcgroup":
		for _, dir := range args {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
}
