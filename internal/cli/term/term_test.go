package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-dev/slipway/plan"
)

func TestAPipeGetsOneLineForEachFinishedStep(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, Text)
	p.Report(plan.Event{Step: "image", Title: "machine image", Phase: plan.Started})
	p.Report(plan.Event{Step: "image", Title: "machine image", Phase: plan.Progressed, Message: "bash"})
	p.Report(plan.Event{Step: "image", Title: "machine image", Object: "node@sha256:4be1", Message: "built", Phase: plan.Done, Elapsed: 38 * time.Second})
	p.Report(plan.Event{Step: "m", Title: "machine", Object: "dev", Phase: plan.Failed, Error: "no"})
	p.Close()
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "  ✔ machine image") || !strings.HasSuffix(lines[0], "38s") || !strings.HasPrefix(lines[1], "  ✘ machine") {
		t.Errorf("got %q", lines)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("control characters in a pipe")
	}
}

func TestJSONEventsAreOneDocumentALine(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, JSON)
	p.Report(plan.Event{Step: "a", Phase: plan.Started})
	p.Report(plan.Event{Step: "a", Phase: plan.Done, Elapsed: 1500 * time.Millisecond})
	p.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2", len(lines))
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["apiVersion"] != OutputVersion || doc["kind"] != "Event" || doc["phase"] != "done" || doc["elapsedSeconds"] != 1.5 {
		t.Errorf("got %v", doc)
	}
}

func TestAnErrorIsPrintedWithTheHintFromItsChain(t *testing.T) {
	var out bytes.Buffer
	PrintError(&out, fmt.Errorf("starting: %w", WithHint(errors.New("port 6443 is in use"), "choose another with --api-port")))
	want := "error: starting: port 6443 is in use\nhint:  choose another with --api-port\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestNumbersAreWrittenAsAPersonWould(t *testing.T) {
	for d, want := range map[time.Duration]string{
		300 * time.Millisecond: "0.3s", 42 * time.Second: "42s", 401 * time.Second: "6m41s", 125 * time.Minute: "2h05m", 72 * time.Hour: "3d",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{12: "12 B", 2048: "2.0 KiB", 139 << 20: "139 MiB", 3 << 30: "3.0 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}
