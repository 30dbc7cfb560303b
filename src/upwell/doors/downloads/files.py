"""What a download is read from where it lies in a file: one of the store's own, or one of the cache of objects."""

import errno
import logging
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from upwell.doors.downloads.heads import Found, Refusal

FILE_ERRORS = {errno.EIO, errno.ESTALE, errno.EBADMSG, getattr(errno, "EUCLEAN", errno.EIO)}
"""What sendfile fails with when the file can't be read; whatever else it fails with is the socket's."""

_log = logging.getLogger(__name__)


class Held(Protocol):
    """An open file, which is whole or becomes so."""

    fd: int

    async def ready(self, start: int) -> int:
        """How many bytes may leave from there on; 0 when the rest is to be had from the store. Raises ServerError when
        it is not what was found."""

    def close(self) -> None:
        """It is not read any more."""


Hold = Callable[[Found, int, bool], Awaitable[Held | None]]
"""An object that has no file of its own, from a byte on, and whether it is to be fetched if it is not here; None when
it is to be read from the store. Raises ServerError when what the store has is not what was found."""


class OwnFile:
    """A file of the store."""

    def __init__(self, path: Path, size: int) -> None:
        """Raises `Refusal` when it is not of the size that was found, OSError."""
        self.fd = os.open(path, os.O_RDONLY)
        self._size = size
        if os.fstat(self.fd).st_size != size:
            self.close()
            _log.error("a stored file is not of its recorded size")
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    async def ready(self, start: int) -> int:
        return self._size - start

    def close(self) -> None:
        os.close(self.fd)
