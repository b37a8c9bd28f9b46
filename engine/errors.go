package engine

import (
	"errors"
	"fmt"
)

// ErrNeedsLinux means that this system cannot run machines: they are Linux containers.
var ErrNeedsLinux = errors.New("machines run on Linux only")

// ErrNotFound means that there is no such cluster or machine.
var ErrNotFound = errors.New("does not exist")

// DeletingError says that the cluster is half deleted: DeleteCluster was interrupted and must be called again first.
type DeletingError struct{ Cluster string }

func (e *DeletingError) Error() string {
	return fmt.Sprintf("cluster %q is being deleted; its deletion must be finished first", e.Cluster)
}

// PortInUseError says that the port on loopback for a cluster's endpoint is taken. Err is the kernel's answer, or nil when it
// is another cluster that has the port.
type PortInUseError struct {
	Port    int
	Cluster string
	Err     error
}

func (e *PortInUseError) Error() string {
	if e.Cluster != "" {
		return fmt.Sprintf("port %d is in use by cluster %q", e.Port, e.Cluster)
	}
	return fmt.Sprintf("port %d on 127.0.0.1 is in use by another program", e.Port)
}

func (e *PortInUseError) Unwrap() error { return e.Err }

// ConflictError says that a machine exists but cannot become what is asked for; it has to be deleted first.
type ConflictError struct {
	Machine, Field, Have, Want string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("machine %q exists with %s %s instead of %s; delete it first", e.Machine, e.Field, e.Have, e.Want)
}

// InvalidError says that a name or another input cannot be used.
type InvalidError struct {
	Field, Value, Reason string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s %q is not valid: %s", e.Field, e.Value, e.Reason)
}
