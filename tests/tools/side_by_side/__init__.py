"""The same small task by an Ansible play and by a Pulumi program with NodeState: what each forecast, and what happened."""
