package config

import (
	"fmt"
	"math/big"
	"net/netip"
)

// DNSNumber is the place of the cluster's DNS in the first Service range, as kubeadm has it: 10.96.0.10 in 10.96.0.0/12.
const DNSNumber = 10

// ServiceAddress returns the address with a number in a Service range, counted from the beginning of the range.
func ServiceAddress(serviceRange string, number int64) (netip.Addr, error) {
	prefix, err := netip.ParsePrefix(serviceRange)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("the Service range %q is not a network like 10.96.0.0/12", serviceRange)
	}
	base := prefix.Masked().Addr()
	n := new(big.Int).SetBytes(base.AsSlice())
	raw := n.Add(n, big.NewInt(number)).Bytes()
	if size := base.BitLen() / 8; len(raw) <= size {
		address, _ := netip.AddrFromSlice(append(make([]byte, size-len(raw)), raw...))
		if prefix.Contains(address) {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("the Service range %q has no address number %d: make it larger", serviceRange, number)
}
