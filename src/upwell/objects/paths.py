"""An owner's object keys as paths below a folder, and back.

A key may hold any text: empty segments, `..`, a leading `/`, line ends. What a file name can't hold safely is written
as `%XX` of its byte, an empty segment as `%`, and a segment too long for a file name goes on in a folder below, told by
a `%+` at its end. Everything else stays as it is, so that an owner's folder of ordinary names is a bucket of ordinary
keys. No two keys have one path, and no path leaves its folder: no segment is empty or begins with a dot.
"""

import re

from upwell.domain.errors import Invalid
from upwell.objects.port import any_key

NAME_BYTES_MAX = 240
"""Bytes of one file name; Linux allows 255, and the mark of a name that goes on must fit as well."""

PATH_BYTES_MAX = 3800
"""Bytes of a path below its folder; Linux allows 4,096 with the folder's own."""

_EMPTY, _GOES_ON = "%", "%+"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f%\\]")
_ESCAPE = re.compile(r"%([0-9A-F]{2})")


def path_of(key: str) -> str:
    """The path of a key, relative, with `/`. Raises `Invalid` (object_key)."""
    path = "/".join(part for segment in any_key(key).split("/") for part in _parts(segment))
    if len(path.encode()) > PATH_BYTES_MAX:
        raise Invalid("object_key", f"at most {PATH_BYTES_MAX} bytes as a path in a directory store")
    return path


def key_of(path: str) -> str | None:
    """The key of a path that `path_of` made; None for any other, which is no object."""
    segments: list[str] = []
    begun = ""
    for part in path.split("/"):
        if part.endswith(_GOES_ON):
            begun += part.removesuffix(_GOES_ON)
            continue
        segments.append("" if part == _EMPTY else _ESCAPE.sub(_unescaped, begun + part))
        begun = ""
    key = "/".join(segments)
    try:
        return key if path_of(key) == path else None
    except Invalid:
        return None


def _parts(segment: str) -> list[str]:
    """The file names that a segment makes: one, unless it is too long for one."""
    parts, size = [""], 0
    for char in segment:
        written = _escaped(char) if _UNSAFE.match(char) or (char == "." and not parts[-1]) else char
        if size + len(written.encode()) > NAME_BYTES_MAX:
            parts[-1] += _GOES_ON
            parts.append("")
            size, written = 0, _escaped(char) if char == "." else written
        parts[-1] += written
        size += len(written.encode())
    return parts if segment else [_EMPTY]


def _escaped(char: str) -> str:
    return f"%{ord(char):02X}"


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
