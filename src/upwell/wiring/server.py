"""One running server: every part made, joined and ended in order. It holds no rule."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from ssl import SSLContext
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from upwell.config import Settings
from upwell.dialects.huawei.hook_ops import notification
from upwell.domain.errors import Unavailable
from upwell.doors.devices.connections import Connections
from upwell.doors.devices.vendors import FACES, FaceRow, Given, serving
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.links import Links
from upwell.doors.lingering import Lingering
from upwell.doors.management.bodies import Bodies
from upwell.doors.management.tongue import House, Tongue
from upwell.doors.management.tongues import TONGUES
from upwell.doors.management.tongues import routes as management_routes
from upwell.doors.management.uploads import post_object, streams_to_store
from upwell.doors.push import Poster
from upwell.doors.readiness import Readiness
from upwell.embedded.server import EmbeddedPostgres
from upwell.engine.duties import Engine
from upwell.service.context import Context, utc_now
from upwell.service.manage import access
from upwell.service.upgrade import news, nodes, streams
from upwell.service.upgrade.downloads import server_secret
from upwell.storage.database import migrate
from upwell.wiring.certificates import ServerCertificates
from upwell.wiring.health import checks_of
from upwell.wiring.listeners import Addresses, Start, listen, open_doors
from upwell.wiring.stores import open_database, open_stores
from upwell.wiring.upload_desk import Uploads

log = logging.getLogger(__name__)


class Server:
    """A whole Upwell in this process and its child PostgreSQL. It speaks more dialects than its own where it is given
    their rows."""

    def __init__(
        self, settings: Settings, *, more_tongues: Sequence[Tongue] = (), more_faces: Sequence[FaceRow] = ()
    ) -> None:
        self.settings = settings
        self._tongues = (*TONGUES, *more_tongues)
        self._faces = (*FACES, *more_faces)
        self.node_id = uuid.uuid4()
        self.first_key: access.NewKey | None = None
        self._stack = AsyncExitStack()

    async def start(self) -> Addresses:
        """Returns when every listener accepts. Raises UpwellError for what can't be started."""
        try:
            self.certificates = ServerCertificates(self.settings)
            await self._open()
            return await self._listen()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening, finish what is under way, end the children."""
        await self._stack.aclose()

    def reload(self) -> None:
        """Show the certificates that the files hold now; connections stay as they are."""
        self.certificates.refresh(again=True)

    async def _open(self) -> None:
        database = await open_database(self.settings, self.settings.database_url or await self._embedded())
        self._stack.push_async_callback(database.close)
        await migrate(database)
        self.objects = await open_stores(self.settings)
        self.ctx = Context(database, objects=self.objects, private_push=self.settings.allow_private_push)
        key = self.settings.bootstrap_key
        self.first_key = await access.bootstrap(self.ctx, (key.id, key.secret) if key else None)
        self.links = Links(self.ctx, self.objects.local_path, await server_secret(self.ctx, "download"))
        await nodes.keep_lease(self.ctx, self.node_id)
        self._stack.push_async_callback(self._leave)

    async def _embedded(self) -> str:
        postgres = EmbeddedPostgres(self.settings.data_dir)
        await postgres.start()
        self._stack.push_async_callback(postgres.stop)
        self._run(self._revive(postgres))
        return postgres.dsn

    async def _revive(self, postgres: EmbeddedPostgres) -> None:
        # The pool reconnects by itself once PostgreSQL is back under the same address.
        while True:
            status = await postgres.ended()
            log.error("PostgreSQL ended with status %s; starting it again", status)
            try:
                await postgres.restart()
                log.info("PostgreSQL is started again")
            except Exception:
                log.exception("PostgreSQL can't be started again")
                await asyncio.sleep(1)

    async def _leave(self) -> None:
        with contextlib.suppress(Unavailable):
            await nodes.drop_lease(self.ctx, self.node_id)

    def _run(self, duty: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(duty)
        self._stack.push_async_callback(_ended, task)

    async def _listen(self) -> Addresses:
        certificates, links = self.certificates.devices, self.links
        tls = None if certificates is None else certificates.context
        self.engine = Engine(self.ctx, self.node_id, links.make, self.settings.dynamic_registration)
        connections, routes = serving(self._faces, self._given())
        self._start_engine(connections)
        download = DownloadDoor(links.find, self.objects.read, under=self.settings.public_paths)
        self._stack.push_async_callback(download.stop)
        downloads = await open_doors(self.settings, tls, dict.fromkeys(("download", "downloads"), download.start))
        by_tls = downloads.get("downloads")
        links.origin = self.settings.public_url_at(downloads["download"].port)
        links.secure_origin = self.settings.secure_url_at(by_tls and by_tls.port)
        self._stack.push_async_callback(connections.door.stop)
        by_tcp, by_websocket = connections.door.start, partial(connections.door.start, websocket=True)
        starts: dict[str, Start] = {"mqtt": by_tcp, "mqtts": by_tcp, "mqtt_ws": by_websocket, "mqtt_wss": by_websocket}
        mqtt = await open_doors(self.settings, tls, starts)
        http, https = await self._http(routes)
        self._run(self.certificates.watch())
        links.warn_of_ports()
        places = {name: str(place) for name, place in (downloads | mqtt).items()}
        return Addresses(http=http, https=https, public_url=links.origin, secure_url=links.secure_origin, **places)

    def _given(self) -> Given:
        return Given(
            desk=self.engine.intake,
            link=self.links.make,
            tls_link=self.links.by_tls,
            stream=partial(streams.find_stream, self.ctx),
            read=self.objects.read,
            huawei_clock_tolerance=timedelta(hours=self.settings.huawei_clock_tolerance_h),
        )

    def _start_engine(self, connections: Connections) -> None:
        post = Poster(private=self.settings.allow_private_push).post
        parts = self.engine.parts
        self.readiness = Readiness(checks_of(self.settings, self.ctx, self.node_id, parts))
        self.engine.seat(connections, partial(news.deliver, self.ctx, notification, post), self.readiness.told)
        for part in parts:
            self._run(part.run())

    async def _http(self, devices: Sequence[Route]) -> tuple[str, str | None]:
        house = House(ctx=self.ctx, now=utc_now, changed=self.engine.changed, limited=self.settings.request_limits)
        forms = partial(post_object, desk=Uploads(self.ctx, self.objects), now=utc_now)
        app = Starlette(
            routes=[
                *devices,
                *management_routes(self._tongues, house, self.settings, forms),
                Route("/healthz", _healthy),
                Route("/readyz", self.readiness.__call__),
            ],
            middleware=[Middleware(Lingering), Middleware(Bodies, streams=streams_to_store)],
        )
        tls, where = self.certificates.management, self.settings.https
        https = await self._answer(app, "https", where, tls.context) if tls and where else None
        return await self._answer(app, "http", self.settings.http), https

    async def _answer(self, app: Starlette, setting: str, where: tuple[str, int], tls: SSLContext | None = None) -> str:
        address, end = await listen(app, *where, tls, name=self.settings.named(setting))
        self._stack.push_async_callback(end)
        return address


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("alive\n")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def running(settings: Settings, **more: Any) -> AsyncIterator[tuple[Server, Addresses]]:
    """A server for the length of a `with`; `more` is as for Server."""
    server = Server(settings, **more)
    addresses = await server.start()
    try:
        yield server, addresses
    finally:
        await server.stop()
