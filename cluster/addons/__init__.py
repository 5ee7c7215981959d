"""What is applied through the Kubernetes API: RBAC, CoreDNS."""
