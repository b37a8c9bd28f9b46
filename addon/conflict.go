package addon

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conflict is one field that belongs to another manager.
type Conflict struct {
	// Field is its path, such as ".spec.replicas".
	Field string
	// Owner is the manager's name, such as "kubectl-edit".
	Owner string
}

// ConflictError says that an object was not applied because others own fields of it. Options.Force takes the fields over.
type ConflictError struct {
	Object    Ref
	Conflicts []Conflict
	err       error
}

func (e *ConflictError) Error() string {
	fields := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		fields[i] = fmt.Sprintf("%s belongs to %q", c.Field, c.Owner)
	}
	return strings.Join(fields, ", ")
}

// Unwrap returns the server's own error.
func (e *ConflictError) Unwrap() error { return e.err }

// withOwners turns the server's conflict into a *ConflictError; other errors are returned as they are.
func withOwners(object Ref, err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsConflict(err) || status.Status().Details == nil {
		return err
	}
	var conflicts []Conflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			conflicts = append(conflicts, Conflict{Field: cause.Field, Owner: ownerIn(cause.Message)})
		}
	}
	if len(conflicts) == 0 {
		return err // another kind of conflict
	}
	return &ConflictError{Object: object, Conflicts: conflicts, err: err}
}

// ownerIn finds the manager in the server's message, which gives it nowhere else: conflict with "kubectl" using apps/v1. A
// message of another form is given as it is.
func ownerIn(message string) string {
	_, quoted, found := strings.Cut(message, "conflict with ")
	if !found {
		return message
	}
	prefix, err := strconv.QuotedPrefix(quoted)
	if err != nil {
		return message
	}
	owner, err := strconv.Unquote(prefix)
	if err != nil {
		return message
	}
	return owner
}
