"""The Pulumi provider plugin of NodeState: files, directories and units of a node, over SSH (README.md)."""
