"""What a node holds: one module per component, each from the configuration to a NodeState."""
