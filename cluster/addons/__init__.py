"""The add-ons, applied through the Kubernetes API: RBAC, CoreDNS."""
