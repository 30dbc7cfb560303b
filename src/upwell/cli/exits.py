"""How the program ends: its exit codes, and what it says when it ends otherwise than well."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, which docs/cli.md tells."""

    DONE = 0
    FAILED = 1  # what was watched or checked did not end well
    USAGE = 2  # a wrong command line or setting; nothing was asked
    REFUSED = 3
    MISSING = 4  # there is no such thing
    NO_RIGHT = 5  # nobody is signed in, or may not do it
    NO_SERVER = 6  # it is not reached, or can't answer
    INTERRUPTED = 130


class Ended(Exception):
    """The command ends here, with these lines on standard error."""

    def __init__(self, code: Exit, *lines: str) -> None:
        self.code, self.lines = code, lines
        super().__init__(" ".join(lines))


def one_line(text: str) -> str:
    """The text on one line, each character escaped that is not meant to be seen: a server's words move no cursor."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
