// Package release answers which exact programs make a Kubernetes version and where their bytes come from. A Release lists
// them by digest; a Store keeps them on disk; a Source supplies them: compiled with the local toolchain, downloaded from the
// official sites, or read from a bundle that somebody carried here. Which versions go together, and what is different
// between them, is asked of Version and answered nowhere else.
//
// It refuses to know what becomes of the programs: images, machines and nodes are built by packages above.
package release
