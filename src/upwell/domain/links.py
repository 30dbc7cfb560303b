"""The forms of a download URL. All of them open the same file: what counts is the token.

`{origin}/ota/{token}` is the plain one. Devices that take the file's name, a `?` or a port from the URL get them
written out, and those that send the token in a header get the URL without it (huawei 5.7).
"""

import re
from urllib.parse import urlsplit

HEADER_TOKEN = "-"  # noqa: S105  # stands for a token that is sent in a header instead
NAME_CHARS_MAX = 64
_UNPLAIN = re.compile(r"[^A-Za-z0-9._-]")


def plain_name(name: str) -> str:
    """The last part of a path, in characters that need no escape in a URL or a header and begin with no dot."""
    last = _UNPLAIN.sub("_", name.rsplit("/", 1)[-1]).lstrip(".")
    return last[-NAME_CHARS_MAX:].lstrip(".") or "file"


def named_link(origin: str, token: str, name: str, until: int) -> str:
    """A link with the port, the file's name and a `?` written out; `until` is the unix second in which it ends."""
    return f"{with_port(origin)}/ota/{token}/{plain_name(name)}?e={until}"


def without_token(link: str) -> tuple[str, str]:
    """The same link for a device that sends the token in a header, and the token."""
    head, _, rest = link.rpartition("/ota/")  # the host, or a path before it, may be called so too
    token = re.match(r"[^/?]*", rest)
    assert token is not None  # noqa: S101  # the pattern matches the empty text
    return f"{head}/ota/{HEADER_TOKEN}{rest[token.end() :]}", token[0]


def with_port(origin: str) -> str:
    """The origin, with a path or without, with its port written out: some devices take the first `:` after `//` for
    it."""
    parts = urlsplit(origin)
    if parts.port is not None:
        return origin
    return f"{parts.scheme}://{parts.netloc}:{443 if parts.scheme == 'https' else 80}{parts.path}"
