"""The stack's configuration: typed sections, checks that name their key, and the loader that reports every error at once."""
