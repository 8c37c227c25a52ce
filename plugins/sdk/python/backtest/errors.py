"""What a strategy raises to end its task.

Any other exception ends it, too: as a failure, with its text and the lines that it came through.
"""


class InvalidParams(Exception):
    """The parameters make no sense together; the text says which and why, as in ``fast (50) is not below slow (20)``."""


class Failed(Exception):
    """The strategy met a problem of its own; the text says what. It is shown as it is, without a traceback."""


class Refused(OSError):
    """The strategy asked for something of the machine, like a file or entropy, which no component has."""
