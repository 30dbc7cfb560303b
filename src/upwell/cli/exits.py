"""How the program ends: its exit codes, and what it says when it ends otherwise than well."""

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum

S3_CLIENT = "obstore"


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


def to_the_end(run: Callable[[], int | None]) -> None:
    """Run it, and end the process with its status. Where the client of S3 is loaded the interpreter is not taken down
    before: a thread of that client that comes to it meanwhile would abort the process, whatever its status."""
    try:
        status = run() or 0
    except SystemExit as exc:
        if S3_CLIENT not in sys.modules or not isinstance(exc.code, int | None):
            raise
        status = exc.code or 0
    if S3_CLIENT not in sys.modules:
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
    os._exit(status)
