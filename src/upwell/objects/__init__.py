"""Firmware bytes: one port, two drivers. `open_objects` picks the driver by the URL's scheme."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from upwell.domain.errors import Invalid
from upwell.objects.directory import DirectoryObjects
from upwell.objects.port import Objects, Stored, Writer
from upwell.objects.s3 import S3Objects

__all__ = ["Objects", "Stored", "Writer", "open_objects"]


def open_objects(url: str) -> Objects:
    """The store that `url` names.

    `file:///var/lib/upwell/objects` or a plain absolute path: a directory, created when absent.
    `s3://bucket/prefix?endpoint=https://host&region=r`: S3; the query is optional, credentials come from the
    environment (`AWS_ACCESS_KEY_ID`, …). Raises `Invalid` for any other URL.
    """
    if url.startswith("/"):
        return DirectoryObjects(Path(url))
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return DirectoryObjects(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return S3Objects.from_parts(parts.netloc, unquote(parts.path).strip("/"), parts.query)
    raise Invalid("objects", "an absolute path, file:///path or s3://bucket/prefix")
