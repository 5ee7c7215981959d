"""The cluster as Pulumi resources: one component per module, registering the plan of `cluster`."""
