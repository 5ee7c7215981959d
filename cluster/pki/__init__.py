"""The cluster's CAs and leaf certificates: subject, names, usage and node of each."""
