"""What a virtual machine is given before its first boot: MAC address and Ignition configuration."""
