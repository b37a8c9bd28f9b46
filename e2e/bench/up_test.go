//go:build bench

package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// slipway is the program under test, built by make.
var slipway string

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		fmt.Println("SKIPPED: benchmarks start machines, which needs root")
		os.Exit(0)
	}
	var err error
	if slipway, err = filepath.Abs("../../bin/slipway"); err == nil {
		_, err = os.Stat(slipway)
	}
	if err != nil {
		fmt.Println("bin/slipway is missing, run `make build` first:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// rounds is how often each side runs; the median is what counts.
const rounds = 5

const oursName = "bench-ours"

// TestUp runs `slipway up` and upstream kubeadm in turn on the same machine image.
func TestUp(t *testing.T) {
	ours(t, "image", "build")
	p := newPeer(t)
	all := map[string]map[string][]float64{"slipway": {}, "kubeadm": {}}
	for round := range rounds {
		add(all["slipway"], oursUp(t, oursName))
		ours(t, "down", oursName)
		add(all["kubeadm"], p.up(t))
		p.down(t)
		t.Logf("round %d: slipway %.2fs, kubeadm %.2fs to node Ready", round+1, last(all["slipway"]["node"]), last(all["kubeadm"]["node"]))
	}
	fmt.Printf("\nseconds to …            slipway up   upstream kubeadm   ratio   (medians of %d, in turn)\n", rounds)
	for _, stage := range []string{"api", "node", "addons"} {
		a, b := median(all["slipway"][stage]), median(all["kubeadm"][stage])
		fmt.Printf("  %-20s %10.2f %18.2f %7.2f\n", stage, a, b, a/b)
	}
	if ratio := median(all["slipway"]["node"]) / median(all["kubeadm"]["node"]); ratio > 0.7 {
		t.Errorf("node Ready takes %.2f of upstream kubeadm's time, more than 0.7", ratio)
	}
}

// TestSecondCluster compares the start of a cluster with that of another one beside it, which idles.
func TestSecondCluster(t *testing.T) {
	ours(t, "image", "build")
	const second = oursName + "-2"
	var alone, beside []float64
	for range rounds {
		alone = append(alone, oursUp(t, oursName)["node"].Seconds())
		beside = append(beside, oursUp(t, second)["node"].Seconds())
		ours(t, "down", second)
		ours(t, "down", oursName)
	}
	ratio := median(beside) / median(alone)
	fmt.Printf("\nseconds to node Ready: first cluster %.2f, second beside it %.2f, ratio %.2f (medians of %d, in turn)\n", median(alone), median(beside), ratio, rounds)
	if ratio > 1.15 { // what medians of five differ by on a busy machine
		t.Errorf("a second cluster takes %.2f of the first one's time to start", ratio)
	}
}

// oursUp runs slipway up and returns the times from its start to the end of each step.
func oursUp(t *testing.T, name string) map[string]time.Duration {
	t.Helper()
	cmd := exec.Command(slipway, "up", name, "-o", "json")
	out, err := cmd.StdoutPipe()
	check(t, err, "connecting to slipway")
	cmd.Stderr = os.Stderr
	started := time.Now()
	check(t, cmd.Start(), "starting slipway")
	times := map[string]time.Duration{}
	names := map[string]string{"control-plane": "api", "node": "node", "addons": "addons"}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var ev struct{ Step, Phase string }
		check(t, json.Unmarshal(lines.Bytes(), &ev), "reading an event")
		if name := names[ev.Step]; name != "" && ev.Phase == "done" {
			times[name] = time.Since(started)
		}
	}
	check(t, cmd.Wait(), "slipway up")
	return times
}

func ours(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(slipway, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("slipway %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func add(to map[string][]float64, times map[string]time.Duration) {
	for name, d := range times {
		to[name] = append(to[name], d.Seconds())
	}
}

func last(values []float64) float64 { return values[len(values)-1] }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
