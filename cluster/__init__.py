"""The cluster as pure data: configuration in, certificates, files and units out. Registers no Pulumi resource."""
