"""Where commands over the API act: the servers that somebody is signed in to, each with its token, in one file.

Holds: the file is its owner's alone (0600), and one that others can read is refused. It is replaced whole, under a
lock, so that two sign-ins at once lose none.
"""

import fcntl
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from upwell.cli.exits import Ended, Exit

URL, TOKEN, CONTEXT = "UPWELL_URL", "UPWELL_TOKEN", "UPWELL_CONTEXT"
MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A server that somebody is signed in to. `made` says that `login` made the token for itself: a `key` of the
    account, an `own key` of a user, which `logout` revokes; empty for a key that was given. `ca` is the file of a
    certificate that is trusted there."""

    url: str
    token: str
    who: str = ""
    made: str = ""
    key_id: str = ""
    expires_at: str = ""
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """All of them by name, and which is in use."""

    contexts: Mapping[str, Signed]
    current: str = ""


def path_of(environ: Mapping[str, str]) -> Path:
    """The file."""
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".config")
    return Path(home) / "upwell" / "contexts.json"


def kept(environ: Mapping[str, str]) -> Kept:
    """What is there. Raises Ended for a file that others may read, or that is none of ours."""
    path = path_of(environ)
    try:
        handle = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return Kept({})
    except OSError as exc:
        raise _unusable(path, f"can't be read: {exc.strerror}", "look at its owner and mode") from exc
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise _unusable(path, "holds tokens and others may read it", f"chmod 600 {path}")
        return _read(path, file.read())


def _read(path: Path, data: bytes) -> Kept:
    try:
        told = json.loads(data)
        known = {field.name for field in fields(Signed)}
        contexts = {
            str(name): Signed(**{key: str(value) for key, value in each.items() if key in known})
            for name, each in told["contexts"].items()
        }
        return Kept(contexts, str(told.get("current", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _unusable(path, "is no file of contexts", "move it away and sign in again: upwell login URL") from exc


def change(environ: Mapping[str, str], changed: Callable[[Kept], Kept]) -> None:
    """Write what becomes of it. Raises Ended."""
    path = path_of(environ)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path.with_name("contexts.lock"), os.O_RDWR | os.O_CREAT, MODE), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            after = changed(kept(environ))
            told: dict[str, Any] = {"current": after.current}
            told["contexts"] = {
                name: {k: v for k, v in asdict(each).items() if v} for name, each in after.contexts.items()
            }
            fresh = path.with_name(f"contexts.json.{os.getpid()}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), MODE)
                json.dump(told, file, indent=2)
            fresh.replace(path)
    except OSError as exc:
        raise _unusable(path, f"can't be written: {exc.strerror}", "set XDG_CONFIG_HOME to a folder of yours") from exc


def _unusable(path: Path, problem: str, advice: str) -> Ended:
    return Ended(Exit.USAGE, f"upwell: {path} {problem}", f"  try: {advice}")


def is_signed_in(environ: Mapping[str, str]) -> bool:
    """Whether there is a context in use."""
    found = kept(environ)
    return found.current in found.contexts


def chosen(environ: Mapping[str, str], url: str | None, context: str | None) -> tuple[str, Signed]:
    """Where a command acts, and by which name that is known: the option, else the environment, else the context in
    use. A token of the environment is taken for a URL of the environment or of the option. Raises Ended."""
    if url and context:
        raise Ended(Exit.USAGE, "upwell: --url and --context both say where", "  try: leave one out")
    if not context and (url or environ.get(URL)):
        where = url or environ[URL]
        if token := environ.get(TOKEN):
            return where, Signed(url=where, token=token)
        found = kept(environ)
        same = [name for name, each in found.contexts.items() if each.url == where.rstrip("/")]
        if same:
            return same[0], found.contexts[same[0]]
        raise Ended(
            Exit.NO_RIGHT, f"upwell: nobody is signed in to {where}", f"  try: upwell login {where}, or set {TOKEN}"
        )
    name = context or environ.get(CONTEXT) or ""
    found = kept(environ)
    if name or found.current:
        return _named(found, name or found.current)
    raise Ended(
        Exit.NO_RIGHT, "upwell: you are not signed in to a server",
        f"  try: upwell login http://HOST:8686, or set {URL} and {TOKEN}",
    )  # fmt: skip


def _named(found: Kept, name: str) -> tuple[str, Signed]:
    if name not in found.contexts:
        known = ", ".join(found.contexts) or "none"
        raise Ended(Exit.USAGE, f"upwell: there is no context {name}; there are: {known}", "  try: upwell context list")
    return name, found.contexts[name]
