"""Download links: made for an offer, read by the download door.

A link opens one file of one task. Which file that is, is remembered for a few seconds: devices fetch in many ranges,
and not each may ask the database; but a cancelled task's link must soon be dead.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from upwell.dialects.alibaba.offers import c_finds_host
from upwell.domain.links import named_link
from upwell.domain.talk import TaskRef
from upwell.doors.downloads.flows import Flows
from upwell.doors.downloads.heads import Found
from upwell.service.context import Context
from upwell.service.upgrade.downloads import Download, download_token, find_download, read_download_token

LINK_LIFE = timedelta(hours=24)  # alibaba 2.2: a download URL works for 24 h
KNOWN_S = 5.0  # how long a file is known, and so how long a cancelled task's link may still open it
KNOWN_MAX = 10_000  # downloads whose file is known without asking the database again
log = logging.getLogger(__name__)


class Links:
    """The links of one server. `origin` is what devices are told, with a path or without, and without a trailing slash;
    `secure_origin` what those are told that know nothing but TLS, or may know nothing else, if there is one."""

    def __init__(self, ctx: Context, local_path: Callable[[str], Path | None], secret: bytes, flows: Flows) -> None:
        self._flows = flows
        self._ctx = ctx
        self._local_path = local_path
        self._secret = secret
        self.origin = ""
        self.secure_origin: str | None = None
        self._known: dict[tuple[TaskRef, int], tuple[float, Download]] = {}

    def make(self, task: TaskRef, place: int, name: str = "") -> str:
        """The URL that opens one file of the task for 24 hours. With the file's `name` it is told in it, as are the
        port and when the link ends (huawei 5.7)."""
        until = self._ctx.now() + LINK_LIFE
        token = download_token(self._secret, task, place, until)
        if name:
            return named_link(self.secure_origin or self.origin, token, name, int(until.timestamp()))
        return f"{self.origin}/ota/{token}"

    def by_tls(self, task: TaskRef, place: int) -> str | None:
        """What `make` gives, by TLS; None where there is no such address."""
        if self.secure_origin is None:
            return None
        return f"{self.secure_origin}/ota/{download_token(self._secret, task, place, self._ctx.now() + LINK_LIFE)}"

    def warn_of_ports(self) -> None:
        """Tell the operator whose devices can't download from these addresses (alibaba 6.7)."""
        misread = [url for url in (self.origin, self.secure_origin) if url and not c_finds_host(url)]
        if misread:
            log.warning(
                "Alibaba's C SDKs can't download from %s: they take host and port for a host's name; where there are "
                "such devices give --public-url, and --public-tls-url for TLS, without a port",
                " and ".join(misread),
            )

    async def find(self, token: str) -> Found:
        """The file behind a token. Raises Denied, NotFound."""
        asked = read_download_token(self._secret, token, self._ctx.now())
        until, file = self._known.get(asked, (0.0, None))
        if file is None or until <= time.monotonic():
            self._known.pop(asked, None)
            file = await find_download(self._ctx, *asked)
            self._flows.learn(file.limits)
            if len(self._known) >= KNOWN_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[asked] = time.monotonic() + KNOWN_S, file
        path = self._local_path(file.key)
        return Found(
            path=path, key=file.key, size=file.size, etag=file.md5, sha256=file.sha256, task=asked[0],
            limits=file.limits,
        )  # fmt: skip
