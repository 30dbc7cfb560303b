"""URLs of databases, which may name several hosts: libpq's form, and no form of URLs else.

Holds: each part is what stands there, not decoded. Python's own `urlsplit` refuses hosts in brackets beside others, and
from which release of Python on differs.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PORT = 5432
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#]*)@)?([^/?#@]*)([^?#]*)(.*)", re.DOTALL)


class DatabaseUrl(NamedTuple):
    """SCHEME://USER@HOSTS PATH REST; `user` with its password, None where there is no @."""

    scheme: str
    user: str | None
    hosts: str
    path: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}://{'' if self.user is None else f'{self.user}@'}{self.hosts}{self.path}{self.rest}"


def parted(url: str) -> DatabaseUrl:
    """Its parts. Raises ValueError for what is no URL of a database."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("it is no URL of a database")
    return DatabaseUrl(*found.groups())


def places(url: str) -> list[tuple[str, int]]:
    """Host and port of each host before the path; none of one that names none there. Raises ValueError."""
    parts = [urlsplit(f"//{each}") for each in parted(url).hosts.split(",") if each]
    return [(unquote(part.hostname or ""), part.port or PORT) for part in parts]
