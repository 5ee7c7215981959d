"""For pipelines: the comment of a pull request, the issue of the drift check, the state without secrets."""
