"""An answer that goes out piece by piece: each is made when the one before is taken, so a slow reader holds nothing but
its place among those that do so. One that can't be made ends the connection, so that nobody takes a part for the whole.
"""

import logging

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from upwell.domain.errors import UpwellError
from upwell.doors.management.tongue import Answer

log = logging.getLogger(__name__)


class Pieces(Response):
    """The answer to one request; of HEAD its head alone."""

    def __init__(self, answer: Answer, method: str) -> None:
        super().__init__(None, answer.status, answer.headers)
        self._answer = answer
        self._is_head = method == "HEAD"
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._answer.body
        assert not isinstance(body, bytes)  # noqa: S101  # whoever makes one has looked
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not self._is_head:
                async for piece in body:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except UpwellError as exc:
            log.warning("an answer broke off: %s", exc.problem)
        finally:
            self._answer.end()
            await body.aclose()
