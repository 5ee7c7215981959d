package main

import "testing"

// TestNames: a resource without a name gets one, and the bridge deletes one with a name before it makes the
// replacement, since two of one name cannot be.
func TestNames(t *testing.T) {
	info := provider()
	for _, name := range []string{"domain", "volume", "pool", "network", "ignition", "cloudinit_disk", "combustion"} {
		field := info.Resources["libvirt_"+name].Fields["name"]
		if field == nil || field.Default == nil || !field.Default.AutoNamed {
			t.Errorf("libvirt_%s gets no name of its own", name)
		}
	}
}
