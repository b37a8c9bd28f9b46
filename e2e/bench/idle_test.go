//go:build bench

package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// How long the clusters settle before they are measured, and for how long they are.
const (
	settle  = 5 * time.Minute
	measure = time.Minute
)

// usage is what a cluster costs.
type usage struct {
	cpu float64 // share of one core
	rss int64   // bytes; pages that processes share count once for each
	pss int64   // bytes; shared pages count once in all
	by  map[string]int64
}

// TestIdle lets a cluster of each kind idle with the three addons, side by side, and measures both over the same minute. What
// Slipway has on the host (gateway and keeper) counts for Slipway.
func TestIdle(t *testing.T) {
	ours(t, "image", "build")
	p := newPeer(t)
	p.up(t)
	t.Cleanup(func() { p.down(t) })
	oursUp(t, oursName)
	t.Cleanup(func() { ours(t, "down", oursName) })

	t.Logf("both are up; they settle for %v", settle)
	<-time.After(settle)
	clusters := map[string]func(process) bool{
		"slipway": func(p process) bool { return strings.Contains(p.cgroup, "/slipway/"+oursName) },
		"kubeadm": func(p process) bool {
			return strings.Contains(p.cgroup, "/slipway/"+peerName+"/"+peerName+"-control-plane-1")
		},
	}
	before, at := map[string]map[string]float64{}, time.Now()
	for name, of := range clusters {
		before[name] = cpuSeconds(t, of)
	}
	<-time.After(measure)
	elapsed := time.Since(at).Seconds()
	used := map[string]usage{}
	for name, of := range clusters {
		u := memory(t, of)
		each := cpuSeconds(t, of)
		for program, seconds := range each {
			u.cpu += (seconds - before[name][program]) / elapsed
		}
		used[name] = u
		t.Logf("%s: CPU by program, %% of a core: %v", name, shares(before[name], each, elapsed))
		t.Logf("%s: resident by program, MB: %v", name, megabytes(u.by))
	}
	a, b := used["slipway"], used["kubeadm"]
	fmt.Printf("\nidle after %v, over %v                slipway   upstream kubeadm   ratio\n", settle, measure)
	fmt.Printf("  CPU, %% of a core             %12.2f %16.2f %9.2f\n", a.cpu*100, b.cpu*100, a.cpu/b.cpu)
	fmt.Printf("  resident, sum of RSS, MB     %12d %16d %9.2f\n", a.rss>>20, b.rss>>20, float64(a.rss)/float64(b.rss))
	fmt.Printf("  proportional, sum of PSS, MB %12d %16d %9.2f\n", a.pss>>20, b.pss>>20, float64(a.pss)/float64(b.pss))
	if r := a.cpu / b.cpu; r > 0.6 {
		t.Errorf("idle CPU is %.2f of upstream kubeadm's, more than 0.6", r)
	}
	if r := float64(a.rss) / float64(b.rss); r > 0.7 {
		t.Errorf("resident memory is %.2f of upstream kubeadm's, more than 0.7", r)
	}
}

// process is one process of this host.
type process struct {
	pid    int
	name   string
	cgroup string
}

func processes(t *testing.T, keep func(process) bool) []process {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	check(t, err, "listing processes")
	var all []process
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		check(t, err, "reading a process number")
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		cgroup, err2 := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err != nil || err2 != nil {
			continue // ended meanwhile
		}
		if p := (process{pid, strings.TrimSpace(string(name)), string(cgroup)}); keep(p) {
			all = append(all, p)
		}
	}
	return all
}

// cpuSeconds returns what each program has used so far, its ended children included.
func cpuSeconds(t *testing.T, of func(process) bool) map[string]float64 {
	t.Helper()
	used := map[string]float64{}
	for _, p := range processes(t, of) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
		for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime in clock ticks of 10 ms, see proc_pid_stat(5)
			ticks, err := strconv.ParseFloat(fields[i], 64)
			check(t, err, "reading a process's time")
			used[p.name] += ticks / 100
		}
	}
	return used
}

func memory(t *testing.T, of func(process) bool) usage {
	t.Helper()
	u := usage{by: map[string]int64{}}
	for _, p := range processes(t, of) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 2 {
				continue
			}
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64) // lines that are no figure are of no interest
			switch fields[0] {
			case "Rss:":
				u.rss += kilobytes << 10
				u.by[p.name] += kilobytes << 10
			case "Pss:":
				u.pss += kilobytes << 10
			}
		}
		f.Close()
	}
	return u
}

func shares(before, after map[string]float64, elapsed float64) string {
	var all []string
	for program, seconds := range after {
		all = append(all, fmt.Sprintf("%s %.2f", program, (seconds-before[program])/elapsed*100))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func megabytes(by map[string]int64) string {
	var all []string
	for program, bytes := range by {
		all = append(all, fmt.Sprintf("%s %d", program, bytes>>20))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
