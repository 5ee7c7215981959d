"""Simulated hosts: many nodes on one machine, each with a real sshd and own files; and timings of ours and of Ansible on them."""
