package network

import "net/netip"

// BridgeAddress is the cluster's own address in its network, the same in every cluster: the gateway publishes the control
// planes' endpoint there, and machines send there what leaves the network.
func BridgeAddress() netip.Addr { return offset(MachineRange().Addr(), 1) }

// FirstMachine is the lowest address that a machine gets, the same in every cluster.
func FirstMachine() netip.Addr { return offset(MachineRange().Addr(), firstMachine) }
