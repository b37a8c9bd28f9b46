package agent

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigchldPID takes the process number out of what waitid wrote: it stands behind three numbers, where a pointer may stand.
func sigchldPID(info *unix.Siginfo) int {
	const word = unsafe.Sizeof(uintptr(0))
	const offset = (3*unsafe.Sizeof(int32(0)) + word - 1) / word * word
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), offset)))
}
