"""What the user is told when something is wrong."""


class ToolchainError(Exception):
    """Something that the user can mend; the text says how."""
