package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
//
// It lies in the directory of what it is about. While that directory is not there nothing has been done to it, and records wait in
// memory: a plan that fails before leaves no trace.
type Journal struct {
	path    string
	file    *os.File // nil until the directory is there
	waiting []byte
}

// OpenJournal opens the journal at path for appending; its file is readable by its owner only. A last line that a crash has
// cut short is taken off, or the next record would be written onto its end and make both unreadable.
func OpenJournal(path string) (*Journal, error) {
	j := &Journal{path: path}
	return j, j.open()
}

func (j *Journal) open() error {
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = cutAfterLastLine(f)
	}
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	j.file = f
	return nil
}

// cutAfterLastLine takes off what follows the last line that is complete. Lines are written whole, so this is never one that
// another process is writing.
func cutAfterLastLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	for block := make([]byte, 4096); end > 0; {
		n := min(end, int64(len(block)))
		if _, err := f.ReadAt(block[:n], end-n); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			end += int64(i+1) - n
			break
		}
		end -= n
	}
	if end == info.Size() {
		return nil
	}
	return f.Truncate(end)
}

// Append writes r in one write, so that records of two processes never mix.
func (j *Journal) Append(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	j.waiting = append(append(j.waiting, line...), '\n')
	if j.file == nil {
		if err := j.open(); err != nil || j.file == nil {
			return err
		}
	}
	_, err = j.file.Write(j.waiting)
	j.waiting = nil
	return err
}

// Close closes the file.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

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
