"""The keys that secrets are encrypted with, from where the settings say: a file, or what a command prints.

Holds: a file that others may read is refused; the command is run once, without a shell, for WITHIN_S at most. Refuses:
to show a key, or what the command printed, in an error.
"""

import asyncio
import base64
import binascii
import contextlib
import os
import select
import shlex
import signal
import time
from dataclasses import dataclass, field
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

from upwell.config import Settings
from upwell.config.sources import SettingError
from upwell.storage.sealing import KEY_SIZE, Seals

WITHIN_S = 30.0  # for the command
BYTES_MAX = 16_384
KEYS_MAX = 16
PLAIN = "plain"
RULE = (
    "must hold keys, one a line, each 32 bytes as Base64, of which the first encrypts (`upwell secrets make-key` makes "
    f"one); or a single key of 32 raw bytes; `{PLAIN}` as the first line encrypts nothing more"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys, the first of which encrypts unless they `write_plain`; none at all keep secrets plain."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    write_plain: bool = False

    def seals(self) -> Seals:
        """What secrets are kept by with them."""
        return Seals(self.keys, writes_plain=self.write_plain)


async def keys_from(settings: Settings) -> Keys:
    """The keys that the settings say; none where they say nothing. Raises SettingError."""
    if settings.secret_key_file is not None:
        return _read("secret_key_file", _of_file(settings), settings)
    if settings.secret_key_command is not None:
        return _read(
            "secret_key_command", await asyncio.to_thread(_of_command, settings, settings.secret_key_command), settings
        )
    return Keys()


def _of_file(settings: Settings) -> bytes:
    path = settings.secret_key_file
    assert path is not None  # noqa: S101  # it was asked
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                rule = f"may be read by others (its mode is {mode & 0o777:o}): chmod 600 it"
                raise _wrong("secret_key_file", rule, settings)
            return file.read(BYTES_MAX + 1)
    except OSError as exc:
        raise _wrong("secret_key_file", f"can't be read: {exc.strerror}", settings) from exc


def _of_command(settings: Settings, command: str) -> bytes:
    setting = "secret_key_command"
    try:
        process = Popen(  # noqa: S603  # the operator's own
            shlex.split(command), stdin=DEVNULL, stdout=PIPE, start_new_session=True
        )
    except OSError as exc:
        raise _wrong(setting, f"its program can't be run: {exc.strerror}", settings) from exc
    with process:
        try:
            said = _said(process)
            status = process.wait(WITHIN_S)
        except (TimeoutError, TimeoutExpired):
            raise _wrong(setting, f"did not end within {WITHIN_S:g} s", settings) from None
        finally:
            if process.returncode is None:  # it is ended with all that it started
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if status and len(said) <= BYTES_MAX:
        raise _wrong(setting, f"ended with status {status}", settings)
    return said


def _said(process: "Popen[bytes]") -> bytes:
    """What it prints until its end, or BYTES_MAX and some more, which ends it. Raises TimeoutError."""
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    until, said, pipe = time.monotonic() + WITHIN_S, b"", process.stdout.fileno()
    while len(said) <= BYTES_MAX:
        if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError
        more = os.read(pipe, BYTES_MAX)
        if not more:
            return said
        said += more
    os.killpg(process.pid, signal.SIGKILL)
    return said


def _read(setting: str, said: bytes, settings: Settings) -> Keys:
    if len(said) == KEY_SIZE:
        return Keys((said,))
    keys: list[bytes] = []
    writes_plain = False
    for nth, line in enumerate(_lines(said)):
        if nth == 0 and line == PLAIN.encode():
            writes_plain = True
            continue
        try:
            key = base64.b64decode(line.replace(b"-", b"+").replace(b"_", b"/"), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_SIZE or key in keys:
            raise _wrong(setting, RULE, settings)
        keys.append(key)
    if not 0 < len(keys) + writes_plain <= KEYS_MAX or len(said) > BYTES_MAX:
        raise _wrong(setting, RULE, settings)
    return Keys(tuple(keys), writes_plain)


def _lines(said: bytes) -> list[bytes]:
    """Those that say something: no empty one, and no comment."""
    lines = (line.strip() for line in said.splitlines())
    return [line for line in lines if line and not line.startswith(b"#")]


def _wrong(setting: str, rule: str, settings: Settings) -> SettingError:
    shown = str(settings.secret_key_file) if setting == "secret_key_file" else "(hidden)"
    return SettingError(setting, shown, rule, settings.sources.get(setting))
