"""The Pulumi provider plugin for node state: files, directories and units of a node, over SSH (README.md)."""
