"""The same mutations beside an Ansible play: `--check --diff` as the forecast, the run as the update."""
