"""The state of a node: one module per component, each from the configuration to a NodeState."""
