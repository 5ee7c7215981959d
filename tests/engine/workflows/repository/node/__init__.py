"""A provider of `plumbline:index:NodeState` whose nodes are folders below SANDBOX_NODES: no SSH, no systemd."""
