"""Live facts of every node, read over SSH."""
