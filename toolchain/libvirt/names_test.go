package main

import "testing"

// TestNames checks that a resource without a name gets one. The bridge deletes a resource with a name before it creates
// the replacement, because names are unique.
func TestNames(t *testing.T) {
	info := provider()
	for _, name := range []string{"domain", "volume", "pool", "network", "ignition", "cloudinit_disk", "combustion"} {
		field := info.Resources["libvirt_"+name].Fields["name"]
		if field == nil || field.Default == nil || !field.Default.AutoNamed {
			t.Errorf("libvirt_%s gets no automatic name", name)
		}
	}
}
