package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Record is one line of a journal: the intent before a step (Result is empty) or its result.
type Record struct {
	Time   time.Time `json:"time"`
	Plan   string    `json:"plan"`
	Step   string    `json:"step"`
	Action Action    `json:"action"`
	Object string    `json:"object,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Diff   string    `json:"diff,omitempty"`
	Result string    `json:"result,omitempty"` // "", "done" or "failed"
	Error  string    `json:"error,omitempty"`
}

// Journal is a file of records, one JSON object a line. It is for people and for undo, never for truth: nothing is decided
// by it, and a last line cut short by a crash is passed over when it is read.
type Journal struct {
	file *os.File
}

// OpenJournal opens the journal at path for appending and makes it, readable by its owner only, when it is not there.
func OpenJournal(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the journal's directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return &Journal{file: f}, nil
}

// Append writes r in one write, so that records of two processes never mix.
func (j *Journal) Append(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// ReadJournal returns the records of a journal, oldest first. A line that is not complete JSON at the very end is what a
// crash leaves behind and is passed over; anywhere else it is an error.
func ReadJournal(r io.Reader) ([]Record, error) {
	var all []Record
	dec := json.NewDecoder(r)
	for {
		var rec Record
		switch err := dec.Decode(&rec); err {
		case nil:
			all = append(all, rec)
		case io.EOF, io.ErrUnexpectedEOF:
			return all, nil
		default:
			return all, fmt.Errorf("journal, after %d records: %w", len(all), err)
		}
	}
}

func intentOf(p Plan, s Step, at time.Time) Record {
	return Record{Time: at, Plan: p.Name, Step: s.ID, Action: s.Action, Object: s.Object, Reason: s.Reason, Diff: s.Diff}
}

func resultOf(p Plan, s Step, at time.Time, err error) Record {
	r := Record{Time: at, Plan: p.Name, Step: s.ID, Action: s.Action, Object: s.Object, Result: "done"}
	if err != nil {
		r.Result, r.Error = "failed", err.Error()
	}
	return r
}
