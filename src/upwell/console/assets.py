"""The console's files: scripts, styles and the icon, ours and those of others, kept in memory.

Holds: each has its content's hash in its path, so that a browser may keep it for a year and never shows an old one.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.console.headers import ROOT

FOLDER = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HASH_CHARS = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, and the same packed."""

    path: str
    media: str
    data: bytes
    packed: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """All of them, by their names."""
    found = {}
    for file in sorted(path for path in FOLDER.rglob("*") if path.suffix in _TYPES):
        name, data = file.relative_to(FOLDER).as_posix(), file.read_bytes()
        path = f"{ROOT}/assets/{sha256(data).hexdigest()[:_HASH_CHARS]}/{name}"
        found[name] = Asset(path, _TYPES[file.suffix] + "; charset=utf-8", data, gzip.compress(data, mtime=0))
    return found


def url(name: str) -> str:
    """Where the file of that name is."""
    return assets()[name].path


def route() -> Route:
    """Answers for all of them; to anybody, for there is nothing secret in them."""
    by_path = {each.path: each for each in assets().values()}

    async def answer(request: Request) -> Response:
        found = by_path.get(request.url.path)
        if found is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
            "vary": "Accept-Encoding",
        }
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(found.data, media_type=found.media, headers=headers)
        return Response(found.packed, media_type=found.media, headers=headers | {"content-encoding": "gzip"})

    return Route(f"{ROOT}/assets/{{rest:path}}", answer, methods=["GET", "HEAD"])
