package plan

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// trace is a set of steps that note when they ran.
type trace struct {
	mu  sync.Mutex
	ran []string
}

func (tr *trace) step(id string, needs []string, err error) Step {
	return Step{ID: id, Action: Run, Needs: needs, Run: func(ctx context.Context, _ Reporter) error {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.ran = append(tr.ran, id)
		return err
	}}
}

func TestStepsWithoutNeedsRunInOrder(t *testing.T) {
	var tr trace
	p := Plan{Name: "p", Steps: []Step{tr.step("a", nil, nil), tr.step("b", nil, nil), tr.step("c", nil, nil)}}
	if err := (Executor{}).Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(tr.ran, want) {
		t.Errorf("ran %v, want %v", tr.ran, want)
	}
}

func TestIndependentStepsRunAtTheSameTime(t *testing.T) {
	met := make(chan struct{})
	meet := func(ctx context.Context, _ Reporter) error {
		select { // each can pass only when the other is there too
		case met <- struct{}{}:
		case <-met:
		case <-ctx.Done():
			return ctx.Err()
		}
		return nil
	}
	p := Plan{Name: "p", Steps: []Step{
		{ID: "a", Action: Run, Run: meet},
		{ID: "b", Action: Run, Needs: []string{}, Run: meet},
	}}
	if err := (Executor{}).Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func TestAFailureStopsWhatNeedsItAndCancelsTheRest(t *testing.T) {
	var tr trace
	boom := errors.New("boom")
	cancelled := false
	started := make(chan struct{})
	p := Plan{Name: "p", Steps: []Step{
		{ID: "bad", Action: Run, Run: func(context.Context, Reporter) error {
			<-started
			return boom
		}},
		tr.step("after", nil, nil),
		{ID: "long", Action: Run, Needs: []string{}, Run: func(ctx context.Context, _ Reporter) error {
			close(started)
			<-ctx.Done()
			cancelled = true
			return ctx.Err()
		}},
	}}
	err := (Executor{}).Apply(t.Context(), p)
	var stepErr *StepError
	if !errors.As(err, &stepErr) || stepErr.Step.ID != "bad" || !errors.Is(err, boom) {
		t.Fatalf("got %v, want the failure of step bad", err)
	}
	if !cancelled {
		t.Error("the step that was running was not cancelled")
	}
	if slices.Contains(tr.ran, "after") {
		t.Error("a step ran although the one it needs had failed")
	}
}

func TestNothingStartsOnceTheContextHasEnded(t *testing.T) {
	var tr trace
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (Executor{}).Apply(ctx, Plan{Name: "p", Steps: []Step{tr.step("a", nil, nil)}})
	if !errors.Is(err, context.Canceled) || len(tr.ran) != 0 {
		t.Errorf("got %v after %v, want context.Canceled and no step", err, tr.ran)
	}
}

func TestEventsCarryWhatTheStepTold(t *testing.T) {
	var events []Event
	p := Plan{Name: "up dev", Steps: []Step{{ID: "image", Title: "machine image", Object: "node", Action: Create,
		Run: func(ctx context.Context, report Reporter) error {
			report.Count(1, 3, "packages", "bash")
			report.Became("node@sha256:1", "built")
			return nil
		}}}}
	err := Executor{Report: func(ev Event) { events = append(events, ev) }}.Apply(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var phases []Phase
	for _, ev := range events {
		phases = append(phases, ev.Phase)
	}
	if want := []Phase{Started, Progressed, Progressed, Done}; !slices.Equal(phases, want) {
		t.Fatalf("phases %v, want %v", phases, want)
	}
	last := events[3]
	if last.Object != "node@sha256:1" || last.Message != "built" || last.Plan != "up dev" || last.Title != "machine image" {
		t.Errorf("the last event %+v forgot what the step had told", last)
	}
}

func TestAPlanThatCannotBeAppliedIsRefused(t *testing.T) {
	run := func(context.Context, Reporter) error { return nil }
	for _, tc := range []struct {
		name, want string
		steps      []Step
	}{
		{"no ID", "has no ID", []Step{{Action: Run, Run: run}}},
		{"an ID twice", "two steps", []Step{{ID: "a", Action: Run, Run: run}, {ID: "a", Action: Run, Run: run}}},
		{"a need that comes later", "does not come before", []Step{{ID: "a", Action: Run, Run: run, Needs: []string{"b"}}, {ID: "b", Action: Run, Run: run}}},
		{"nothing to run", "nothing to run", []Step{{ID: "a", Action: Run}}},
		{"no action", "no action", []Step{{ID: "a", Run: run}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := (Executor{}).Apply(t.Context(), Plan{Name: "p", Steps: tc.steps})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestTheJournalHoldsAnIntentAndAResultForEachStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "journal.jsonl")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	var tr trace
	makesDirectory := Step{ID: "a", Action: Create, Run: func(context.Context, Reporter) error { return os.Mkdir(filepath.Dir(path), 0o700) }}
	p := Plan{Name: "p", Steps: []Step{makesDirectory, tr.step("b", nil, errors.New("boom"))}}
	if err := (Executor{Journal: j}).Apply(t.Context(), p); err == nil {
		t.Fatal("the failure was lost")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := string(data) + `{"step":"c","resu` // what a crash leaves
	records, err := ReadJournal(strings.NewReader(cut))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, r.Step+":"+r.Result)
	}
	if want := []string{"a:", "a:done", "b:", "b:failed"}; !slices.Equal(got, want) {
		t.Errorf("journal %v, want %v", got, want)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("journal is readable by others: %v", info.Mode())
	}
}

func TestAPlanThatFailsBeforeAnythingIsThereLeavesNoJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "journal.jsonl")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	var tr trace
	p := Plan{Name: "p", Steps: []Step{tr.step("a", nil, errors.New("boom"))}}
	if err := (Executor{Journal: j}).Apply(t.Context(), p); err == nil || strings.Contains(err.Error(), "journal") {
		t.Errorf("got %v, want the step's failure alone", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("a directory was left behind")
	}
}

func TestAJournalGoesOnAfterACrashInTheMiddleOfALine(t *testing.T) {
	whole := `{"step":"a"}` + "\n"
	long := `{"step":"` + strings.Repeat("x", 9000)
	for _, before := range []string{"", whole, whole + `{"step":"b","resu`, `{"step":"b","resu`, whole + long, long} {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Append(Record{Step: "c"}), j.Close()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		if strings.HasPrefix(before, whole) {
			want = 2
		}
		if records, err := ReadJournal(strings.NewReader(string(data))); err != nil || len(records) != want || records[want-1].Step != "c" {
			t.Errorf("after %.20q…: %d records, %v", before, len(records), err)
		}
	}
}

func TestAJournalBrokenInTheMiddleIsAnError(t *testing.T) {
	_, err := ReadJournal(strings.NewReader("{\"step\":\"a\"}\nnonsense\n{\"step\":\"b\"}\n"))
	if err == nil {
		t.Error("a broken line was passed over")
	}
}
