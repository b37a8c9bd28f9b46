package config_test

import (
	"testing"

	"github.com/slipway-dev/slipway/config"
)

func TestServiceAddressesAreCountedFromTheBeginningOfTheRange(t *testing.T) {
	for serviceRange, want := range map[string]string{
		"10.96.0.0/12": "10.96.0.10", "10.96.3.4/12": "10.96.0.10", "192.168.7.240/28": "192.168.7.250", "fd00:96::/112": "fd00:96::a", "0.0.0.0/8": "0.0.0.10",
	} {
		if got, err := config.ServiceAddress(serviceRange, config.DNSNumber); err != nil || got.String() != want {
			t.Errorf("%s: %v (%v), want %s", serviceRange, got, err, want)
		}
	}
	for _, serviceRange := range []string{"10.0.0.0/30", "255.255.255.252/30", "10.96.0.0", ""} {
		if got, err := config.ServiceAddress(serviceRange, config.DNSNumber); err == nil {
			t.Errorf("%q has the address %s", serviceRange, got)
		}
	}
}
