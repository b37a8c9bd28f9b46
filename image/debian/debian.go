// Package debian gets a root file system out of a Debian archive without root's help and without running a line of the
// packages' scripts: it reads the host's apt sources, checks the archive's signature, resolves a set of packages to a Lock,
// fetches what the lock names and unpacks it. What the scripts would have done is done by Configure, in code that can be read.
//
// Given a lock and a warm cache nothing touches the network. The package trusts nothing that is not signed: there is no
// switch to skip the signature. It is not apt: it does not upgrade, remove or repair anything.
package debian
