"""The cluster as pure data: configuration in, certificates, files and units out. No resource is declared here."""
