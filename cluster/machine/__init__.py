"""A virtual machine before its first boot: MAC address and Ignition configuration."""
