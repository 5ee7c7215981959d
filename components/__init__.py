"""The cluster as Pulumi resources: one component a file, over the pure data of `cluster`."""
