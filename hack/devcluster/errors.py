"""The one error of this tool: what went wrong and what to do about it, in a sentence a person reads."""


class DevClusterError(Exception):
    """Something the person at the keyboard can act on; printed without a traceback."""
