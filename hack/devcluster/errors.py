"""The one error of this tool: a sentence that says what went wrong and what to do about it."""


class DevClusterError(Exception):
    """Something the person at the keyboard can act on; printed without a traceback."""
