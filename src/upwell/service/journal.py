"""One line of the log: what happened, and to whom, as words and as fields.

Holds: whatever a stranger wrote (a client id, a user name) is one word of one line: bounded, and without a character
that ends the line, moves a terminal's cursor or turns the text around. Refuses: to know which fields are secret; that
is the duty of whoever tells, and a test reads whole logs for the secrets that were used.
"""

import logging
from collections.abc import Mapping

VALUE_CHARS_MAX = 256  # of one field; the longest names of devices and keys are half of it
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-[]")


def tell(
    log: logging.Logger, event: str, level: int = logging.INFO, error: BaseException | None = None, /, **fields: object
) -> None:
    """Log the event with these fields, and the traceback of an error of ours. Fields that are None or empty are left
    out. `device` or else `peer` says whose doing it is, and bounds how much of one's doing is written."""
    if log.isEnabledFor(level):
        told = {name: _bounded(value) for name, value in fields.items() if value not in (None, "")}
        words = " ".join(f"{name}={word(value)}" for name, value in told.items())
        log.log(
            level, "%s", f"{event}: {words}" if words else event, exc_info=error, extra={"event": event, "fields": told}
        )


def word(value: object) -> str:
    """The value as one word, in quotes where it needs them."""
    text = str(value)
    if text and _PLAIN.issuperset(text):
        return text
    return '"' + one_line(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def one_line(text: str) -> str:
    """The text with each character escaped that is not meant to be seen (line ends, controls, marks of direction)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    """The fields of a record that `tell` made; none of any other."""
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return fields


def _bounded(value: object) -> object:
    if isinstance(value, int | float):
        return value
    text = str(value)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}… ({len(text)} characters)"


def host_of(peer: str) -> str:
    """The host of `host:port`, whatever of the two is there."""
    host, colon, port = peer.rpartition(":")
    return host if colon and port.isdigit() and (":" not in host or host.startswith("[")) else peer
