"""Loss of a control-plane node, with this program and with kubeadm behind a virtual address, side by side."""
