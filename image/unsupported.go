package image

import "errors"

// ErrUnsupported is the reason why something cannot be done on this operating system.
var ErrUnsupported = errors.New("machine images can be built and used on Linux only")
