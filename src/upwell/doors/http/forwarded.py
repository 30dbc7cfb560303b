"""Who asks and how, where a proxy stands in front: what it says is believed if it is one that the operator trusts."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from upwell.doors.trusted import Network, Trusted, address_of

SCHEMES = (b"http", b"https")


class Forwarded:
    """The application behind trusted proxies: its scope's `client` is the last address of `X-Forwarded-For` that is no
    trusted proxy's, its `scheme` what `X-Forwarded-Proto` says. Of anybody else neither field is read."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = Trusted(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if scope["type"] == "http" and peer is not None and peer[0] in self._trusted:
            scope = {**scope, **self._told(scope["headers"])}
        await self._app(scope, receive, send)

    def _told(self, headers: Sequence[tuple[bytes, bytes]]) -> Scope:
        fields = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
        hops = [hop.strip() for field in fields for hop in field.decode("latin-1").split(",")]
        client = self._client(hops)
        schemes = [value.strip().lower() for name, value in headers if name.lower() == b"x-forwarded-proto"]
        told: Scope = {} if client is None else {"client": (client, 0)}
        if len(schemes) == 1 and schemes[0] in SCHEMES:
            told["scheme"] = schemes[0].decode()
        return told

    def _client(self, hops: Sequence[str]) -> str | None:
        """Each proxy adds at the end who asked it, so what a stranger wrote stands before what a proxy did. Nothing is
        believed behind a hop that is no address."""
        for hop in reversed(hops):
            if address_of(hop) is None:
                return None
            if hop not in self._trusted:
                return hop
        return hops[0] if hops else None
