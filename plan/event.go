package plan

import "time"

// Phase is where a step stands when an event is sent.
type Phase string

// The phases: Started, then any number of Progressed, then exactly one of Done and Failed.
const (
	Started    Phase = "started"
	Progressed Phase = "progressed"
	Done       Phase = "done"
	Failed     Phase = "failed"
)

// Event tells one thing that happened while a plan was applied.
type Event struct {
	Time  time.Time `json:"time"`
	Plan  string    `json:"plan"`
	Step  string    `json:"step"`
	Title string    `json:"title,omitempty"`
	// Object is the step's object, or what became of it when the step told better, such as an image with its digest.
	Object string `json:"object,omitempty"`
	Phase  Phase  `json:"phase"`
	// Message is a detail for people: what is being done now, or how it was done.
	Message string `json:"message,omitempty"`
	// Current of Total units are done, when the step can count; Unit is "bytes", "packages" or the like.
	Current int64  `json:"current,omitempty"`
	Total   int64  `json:"total,omitempty"`
	Unit    string `json:"unit,omitempty"`
	// Elapsed is the time since the step started, in the JSON as nanoseconds.
	Elapsed time.Duration `json:"elapsed,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// Reporter takes what a step has to tell while it runs. The zero fields of the event are filled in by the executor.
// A nil Reporter is valid and drops everything; call it through its methods.
type Reporter func(Event)

// Say reports a message.
func (r Reporter) Say(message string) {
	if r != nil {
		r(Event{Phase: Progressed, Message: message})
	}
}

// Count reports that current of total units are done, with a message about the present one.
func (r Reporter) Count(current, total int64, unit, message string) {
	if r != nil {
		r(Event{Phase: Progressed, Current: current, Total: total, Unit: unit, Message: message})
	}
}

// Became replaces the object that is shown for the step, once it is known better than before it ran.
func (r Reporter) Became(object, message string) {
	if r != nil {
		r(Event{Phase: Progressed, Object: object, Message: message})
	}
}
