"""The error class of builder, lab and toolchain."""


class UserError(Exception):
    """An error that the user can fix. The text says what was found and what to do; it is shown without a traceback."""
