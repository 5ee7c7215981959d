"""Bring-up of a highly available cluster, by this program and by kubeadm, side by side."""
