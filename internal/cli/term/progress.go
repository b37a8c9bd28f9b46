package term

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/slipway-dev/slipway/plan"
)

// Format is how a command answers.
type Format string

// The formats: text for people, JSON as one versioned document (or, for events, one object a line).
const (
	Text Format = ""
	JSON Format = "json"
)

// Progress shows the events of a plan on w: live on a terminal, as plain lines elsewhere, as JSON lines if asked.
// Close must be called when the plan has ended.
type Progress struct {
	w      io.Writer
	format Format
	live   bool

	mu      sync.Mutex
	running []plan.Event // the last event of each running step, oldest step first
	drawn   int          // live lines on the screen
	ticker  *time.Ticker
	stop    chan struct{}
	stopped sync.WaitGroup
}

// NewProgress returns a Progress that writes to w.
func NewProgress(w io.Writer, format Format) *Progress {
	p := &Progress{w: w, format: format, live: format == Text && IsTerminal(w)}
	if p.live {
		p.ticker = time.NewTicker(100 * time.Millisecond) // fast enough to look alive, slow enough to cost nothing
		p.stop = make(chan struct{})
		p.stopped.Go(p.tick)
	}
	return p
}

// Report shows one event. It is a plan.Reporter.
func (p *Progress) Report(ev plan.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.format == JSON {
		p.writeJSON(ev)
		return
	}
	p.erase()
	switch ev.Phase {
	case plan.Started:
		p.running = append(p.running, ev)
	case plan.Progressed:
		p.update(ev)
	case plan.Done:
		p.finish(ev.Step)
		fmt.Fprintln(p.w, p.fit(line("✔", ev)))
	case plan.Failed:
		p.finish(ev.Step)
		fmt.Fprintln(p.w, p.fit(line("✘", ev)))
	}
	p.draw()
}

// Close ends the live display.
func (p *Progress) Close() {
	if p.live {
		close(p.stop)
		p.stopped.Wait()
		p.ticker.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.running = nil
}

// eventDocument is the stable form of an event for programs.
type eventDocument struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	plan.Event
	ElapsedSeconds float64 `json:"elapsedSeconds"`
}

func (p *Progress) writeJSON(ev plan.Event) {
	doc := eventDocument{APIVersion: OutputVersion, Kind: "Event", Event: ev, ElapsedSeconds: ev.Elapsed.Seconds()}
	doc.Event.Elapsed = 0 // said once, in seconds
	if data, err := json.Marshal(doc); err == nil {
		fmt.Fprintln(p.w, string(data))
	}
}

func (p *Progress) update(ev plan.Event) {
	for i := range p.running {
		if p.running[i].Step == ev.Step {
			if ev.Total == 0 {
				ev.Current, ev.Total, ev.Unit = p.running[i].Current, p.running[i].Total, p.running[i].Unit
			}
			p.running[i] = ev
			return
		}
	}
}

func (p *Progress) finish(step string) {
	for i := range p.running {
		if p.running[i].Step == step {
			p.running = append(p.running[:i], p.running[i+1:]...)
			return
		}
	}
}

func (p *Progress) tick() {
	for {
		select {
		case now := <-p.ticker.C:
			p.mu.Lock()
			for i := range p.running {
				p.running[i].Elapsed += now.Sub(p.running[i].Time)
				p.running[i].Time = now
			}
			p.erase()
			p.draw()
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

func (p *Progress) draw() {
	if !p.live {
		return
	}
	for _, ev := range p.running {
		fmt.Fprintln(p.w, p.fit(line("·", ev)))
	}
	p.drawn = len(p.running)
}

// erase removes the live lines: up one line and clear it, for each.
func (p *Progress) erase() {
	if p.drawn > 0 {
		fmt.Fprint(p.w, strings.Repeat("\x1b[1A\x1b[2K", p.drawn))
		p.drawn = 0
	}
}

// fit cuts a live line to the terminal's width, since a wrapped line could not be erased.
func (p *Progress) fit(s string) string {
	if limit := width(p.w) - 1; p.live && utf8.RuneCountInString(s) > limit {
		return string([]rune(s)[:limit-1]) + "…"
	}
	return s
}

// line is one row: mark, what, which and how, how long.
func line(mark string, ev plan.Event) string {
	title := ev.Title
	if title == "" {
		title = ev.Step
	}
	detail := strings.TrimSpace(ev.Object + "  " + about(ev))
	return fmt.Sprintf("  %s %-18s %-52s %8s", mark, title, detail, Duration(ev.Elapsed))
}

func about(ev plan.Event) string {
	switch {
	case ev.Phase == plan.Failed:
		return "failed"
	case ev.Phase == plan.Done || ev.Total == 0:
		return ev.Message
	case ev.Unit == "bytes":
		return fmt.Sprintf("%s of %s  %s", Bytes(ev.Current), Bytes(ev.Total), ev.Message)
	default:
		return fmt.Sprintf("%d of %d %s  %s", ev.Current, ev.Total, ev.Unit, ev.Message)
	}
}
