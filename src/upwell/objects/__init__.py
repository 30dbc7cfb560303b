"""Firmware bytes: one port, two drivers. The URL's scheme picks the driver."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from upwell.domain.errors import Invalid
from upwell.objects.directory import DirectoryBucket, DirectoryObjects
from upwell.objects.port import Objects
from upwell.objects.s3 import S3Objects, addressable_key


def open_objects(url: str) -> Objects:
    """The platform's own store that `url` names.

    `file:///var/lib/upwell/objects` or a plain absolute path: a directory, created when absent.
    `s3://bucket/prefix?endpoint=https://host&region=r`: S3; the query is optional, credentials come from the
    environment (`AWS_ACCESS_KEY_ID`, …). Raises `Invalid` for any other URL.
    """
    folder, s3 = _parts(url)
    return DirectoryObjects(folder) if folder is not None else S3Objects(*s3)


def local_folder(url: str) -> Path | None:
    """The folder of a directory's URL; None for a store that is elsewhere. Raises `Invalid`."""
    return _parts(url)[0]


def open_bucket(url: str, below: str = "") -> Objects:
    """An owner's bucket at `url`, whose keys may be any text, or in the folder `below` of it. Raises `Invalid`."""
    folder, (bucket, prefix, query) = _parts(url)
    if folder is not None:
        return DirectoryBucket(folder / below, folder if below else None)
    return S3Objects(bucket, "/".join(part for part in (prefix, below) if part), query, addressable_key)


def _parts(url: str) -> tuple[Path | None, tuple[str, str, str]]:
    if url.startswith("/"):
        return Path(url), ("", "", "")
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return Path(unquote(parts.path)), ("", "", "")
    if parts.scheme == "s3" and parts.netloc:
        return None, (parts.netloc, unquote(parts.path).strip("/"), parts.query)
    raise Invalid("objects", "an absolute path, file:///path or s3://bucket/prefix")
