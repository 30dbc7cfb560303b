"""One running server: every part made, joined and ended in order. It holds no rule."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from ssl import SSLContext
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from upwell.config import Settings
from upwell.console import scripted
from upwell.console.speaking import DIALECT, Console
from upwell.dialects.huawei.hook_ops import notification
from upwell.dialects.upwell import webhooks
from upwell.dialects.upwell.lists_of_devices import Lists
from upwell.domain.errors import Unavailable
from upwell.doors.devices.connections import Connections
from upwell.doors.devices.vendors import FACES, FaceRow, Given, serving
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.flows import Flows
from upwell.doors.downloads.heads import Served
from upwell.doors.downloads.links import Links
from upwell.doors.hooks import HookSender
from upwell.doors.http.forwarded import Forwarded
from upwell.doors.http.limits import Limits
from upwell.doors.http.places import Places
from upwell.doors.lingering import Lingering
from upwell.doors.management.beside import Beside
from upwell.doors.management.bodies import Bodies
from upwell.doors.management.tongue import House, Tongue
from upwell.doors.management.tongues import TONGUES, passes
from upwell.doors.management.tongues import routes as management_routes
from upwell.doors.management.uploads import post_object
from upwell.doors.management.working import Working
from upwell.doors.push import Poster
from upwell.doors.readiness import Readiness
from upwell.engine.duties import Engine
from upwell.meters.counting import Tally
from upwell.meters.reading import Reading
from upwell.meters.tracing import Tracer
from upwell.service.context import Context
from upwell.service.manage import access, first_user
from upwell.service.manage.admission import Gate
from upwell.service.manage.audit_book import Book
from upwell.service.upgrade import news, nodes, seal_keys, streams
from upwell.service.upgrade.downloads import server_secret
from upwell.storage.database import DEVICES, LEASE, LOOKUPS, UPKEEP, Database, Pool
from upwell.storage.migrating import migrate, require_schema, require_settled
from upwell.wiring.certificates import ServerCertificates
from upwell.wiring.health import checks_of, folders_of
from upwell.wiring.identity import provider_of
from upwell.wiring.listeners import Addresses, Start, listen, open_doors, proxied_by
from upwell.wiring.metrics import Delays, Downloads, Meter
from upwell.wiring.metrics_door import open_metrics
from upwell.wiring.object_cache import cache_of, hold_by
from upwell.wiring.open_files import room_of_this_process
from upwell.wiring.postgres import OwnPostgres
from upwell.wiring.secret_keys import Keys, keys_from
from upwell.wiring.sight import sight_of
from upwell.wiring.stores import open_database, open_stores
from upwell.wiring.traces import otlp_of
from upwell.wiring.upload_desk import Uploads

CANCEL_AGAIN_S = 1.0
CONSOLE = Tongue(dialect=DIALECT, rest=lambda settings: Console(provider_of(settings)), streams=scripted.streams)


@dataclass(frozen=True, slots=True)
class Share:
    """Which of several that share the addresses and a database a server is; the database is ready."""

    dsn: str = field(repr=False)
    number: int
    keys: Keys = field(repr=False)


class Server:
    """A whole Upwell in this process and its child PostgreSQL. It speaks more dialects than its own where it is given
    their rows."""

    def __init__(
        self,
        settings: Settings,
        *,
        share: Share | None = None,
        more_tongues: Sequence[Tongue] = (),
        more_faces: Sequence[FaceRow] = (),
    ) -> None:
        self.settings = settings
        self._share = share
        self._postgres: OwnPostgres | None = None
        self._shared = share is not None
        self._tongues = (*TONGUES, CONSOLE, *more_tongues)
        self._faces = (*FACES, *more_faces)
        self.node_id = uuid.uuid4()
        self.first_keys: tuple[access.NewKey, ...] = ()
        self.first_sign_in = ""  # leave to make the first user; none where there is one
        self._stack = AsyncExitStack()
        self._refused_of_proxies = Tally()  # connections, by listener and why

    async def start(self) -> Addresses:
        """Returns when every listener accepts. Raises UpwellError for what can't be started."""
        try:
            self._otlp = otlp_of(self.settings, str(self.node_id))
            if self._otlp is not None:
                self._stack.push_async_callback(self._otlp.close)
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
        keys = self._share.keys if self._share else await keys_from(self.settings)
        dsn = self._share.dsn if self._share else self.settings.database_url or await self._embedded()
        database = await open_database(self.settings, dsn, keys.seals())
        self._stack.push_async_callback(database.close)
        await (require_schema(database) if self._share else migrate(database, alone=self.settings.database_url is None))
        await seal_keys.begin(database)
        if self._postgres is not None:
            await self._postgres.archive()
        self._databases = [database]
        devices, upkeep, lookups = [await self._beside(database, kind) for kind in (DEVICES, UPKEEP, LOOKUPS)]
        self.objects = await open_stores(self.settings)
        self.ctx = Context(
            database, objects=self.objects, private_push=self.settings.allow_private_push,
            kept=self.settings.kept, devices=devices, upkeep=upkeep, lookups=lookups, rows=Lists(),
            tracer=Tracer(self._otlp),
        )  # fmt: skip
        if self._share is None:
            self.first_keys = await first_keys(self.settings, self.ctx)
            self.first_sign_in = await first_user.leave(self.ctx)
        self.flows = Flows(self.settings.download_bytes_per_s)
        secret = await server_secret(self.ctx, "download")
        self.links = Links(self.ctx, self.objects.local_path, secret, self.flows)
        self.lease = nodes.Lease(await self._beside(database, LEASE), self.node_id, self.ctx.now)
        await self.lease.keep()
        await seal_keys.begin(database)  # again, for keys may have been taken away that nobody seemed to use
        self._stack.push_async_callback(self._leave)
        await require_settled(database)  # from here on nobody takes away what this program uses

    async def _beside(self, database: Database, pool: Pool) -> Database:
        other = await database.beside(pool)
        self._databases.append(other)
        self._stack.push_async_callback(other.close)
        return other

    async def _embedded(self) -> str:
        self._postgres = postgres = OwnPostgres(self.settings)
        self._stack.push_async_callback(postgres.stop)
        return await postgres.start()

    async def _leave(self) -> None:
        with contextlib.suppress(Unavailable):
            await self.lease.drop(self.ctx)

    def _run(self, duty: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(duty)
        self._stack.push_async_callback(ended, task)

    async def _listen(self) -> Addresses:
        certificates, links = self.certificates.devices, self.links
        tls = None if certificates is None else certificates.context
        self.engine = Engine(self.ctx, self.lease, links.make, self.settings.dynamic_registration)
        self.engine.tells_keys = self._share is None or self._share.number == 1
        connections, routes = serving(self._faces, self._given())
        room = room_of_this_process()
        connections.door.connections_max = room.mqtt
        self._start_engine(connections)
        self._downloads = Downloads()
        cache = await asyncio.to_thread(cache_of, self.settings, self.objects)
        if cache is not None:
            self._stack.push_async_callback(cache.stop)
        download = DownloadDoor(
            links.find, self.objects.read, hold=hold_by(cache), note=self._downloaded,
            under=self.settings.public_paths, connections_max=room.downloads, flows=self.flows,
        )  # fmt: skip
        self._stack.push_async_callback(download.stop)
        downloads = await open_doors(
            self.settings, tls, dict.fromkeys(("download", "downloads"), partial(download.start, shared=self._shared)),
            self._refused_of_proxies,
        )  # fmt: skip
        by_tls = downloads.get("downloads")
        links.origin = self.settings.public_url_at(downloads["download"].port)
        links.secure_origin = self.settings.secure_url_at(by_tls and by_tls.port)
        self._stack.push_async_callback(connections.door.stop)
        by_tcp = partial(connections.door.start, shared=self._shared)
        by_websocket = partial(by_tcp, websocket=True)
        starts: dict[str, Start] = {"mqtt": by_tcp, "mqtts": by_tcp, "mqtt_ws": by_websocket, "mqtt_wss": by_websocket}
        mqtt = await open_doors(self.settings, tls, starts, self._refused_of_proxies)
        http, https, house = await self._http(routes, room.http)
        delays = Delays()
        self._run(delays.run())
        self.meter = Meter(
            ctx=self.ctx, databases=self._databases, engine=self.engine, connections=connections, download=download,
            downloads=self._downloads, cache=cache, places=self._places, house=house, readiness=self.readiness,
            certificates=self.certificates, folders=folders_of(self.settings), delays=delays, otlp=self._otlp,
            of_proxies=self._refused_of_proxies,
        )  # fmt: skip
        metrics = None if self._shared else await self._metrics()
        self._run(self.certificates.watch())
        links.warn_of_ports()
        places = {name: str(place) for name, place in (downloads | mqtt).items()}
        return Addresses(
            http=http, https=https, metrics=metrics, public_url=links.origin, secure_url=links.secure_origin, **places
        )

    async def _read(self) -> Reading:
        reading = await self.meter.read(shared=True)
        if self._postgres is not None:
            self._postgres.read(reading)
        return reading

    async def _metrics(self) -> str | None:
        """Of several that share their addresses, their parent tells the metrics of all."""
        opened = await open_metrics(self.settings, self._read)
        if opened is None:
            return None
        self._stack.push_async_callback(opened[1])
        return opened[0]

    def _downloaded(self, served: Served) -> None:
        self._downloads.add(served)
        if served.line is not None:
            self.engine.scribe.note(served.line)

    def _given(self) -> Given:
        return Given(
            desk=self.engine.intake,
            link=self.links.make,
            tls_link=self.links.by_tls,
            stream=partial(streams.find_stream, self.ctx),
            read=self.objects.read,
            settings=self.settings,
        )

    def _start_engine(self, connections: Connections) -> None:
        poster = Poster(private=self.settings.allow_private_push)
        parts = self.engine.parts
        self.readiness = Readiness(checks_of(self.settings, self.ctx, self.lease, parts))
        folders = folders_of(self.settings)
        self.ctx.sight.look = sight_of(self.ctx, self.readiness.told, self.certificates, folders)
        self.engine.seat(connections, partial(news.deliver, self.ctx, notification, poster.post), self.readiness.told)
        self.engine.sending.begin(webhooks.body_of, HookSender(poster, self.ctx.now).send)
        for part in parts:
            self._run(part.run())
        self._run(self.engine.heard.run(connections.spoke))

    async def _http(self, polled: Sequence[Route], connections_max: int) -> tuple[str, str | None, House]:
        book = Book(self.ctx)
        self._run(book.run())
        house = House(
            ctx=self.ctx,
            gate=Gate(self.ctx),
            book=book,
            beside=Beside(),
            working=Working(),
            now=self.ctx.now,
            changed=self.engine.changed,
            limited=self.settings.request_limits,
        )
        forms = partial(post_object, desk=Uploads(self.ctx, self.objects, book), now=self.ctx.now)
        answering = Starlette(
            routes=[
                *polled,
                *management_routes(self._tongues, house, self.settings, forms),
                Route("/healthz", _healthy),
                Route("/readyz", self.readiness.__call__),
            ],
            middleware=[Middleware(Lingering), Middleware(Bodies, streams=partial(passes, self._tongues))],
        )
        app = Forwarded(answering, self.settings.trusted_proxies)
        limits = Limits(connections_max=connections_max)
        self._places = Places(limits.connections_max, limits.connections_per_peer)
        tls, where = self.certificates.management, self.settings.https
        https = await self._answer(app, "https", where, tls.context) if tls and where else None
        http = await self._answer(app, "http", self.settings.http)
        self._stack.callback(house.ending.set)  # before the listeners end
        return http, https, house

    async def _answer(self, app: ASGIApp, setting: str, where: tuple[str, int], tls: SSLContext | None = None) -> str:
        name = self.settings.named(setting)
        address, end = await listen(
            app, *where, tls, name=name, places=self._places, shared=self._shared,
            proxied=proxied_by(self.settings, setting, self._refused_of_proxies),
        )  # fmt: skip
        self._stack.push_async_callback(end)
        return address


async def first_keys(settings: Settings, ctx: Context) -> tuple[access.NewKey, ...]:
    """The first admin keys of an empty database, which somebody must be shown: one that signs and a token. None where
    there are keys, or the settings give the first."""
    given, signs = settings.bootstrap_key, next(each.dialect for each in TONGUES if not each.by_token)
    if given is not None:
        await access.bootstrap(ctx, (given.id, given.secret), signs)
        return ()
    return await access.first_keys(ctx, None, signs, next(each.dialect for each in TONGUES if each.by_token))


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("alive\n")


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel the task until it has ended: a wait inside a library may swallow one cancellation, as Python 3.11's
    `wait_for` does when what it waits for comes in the same moment."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
    with contextlib.suppress(asyncio.CancelledError):
        task.result()


@contextlib.asynccontextmanager
async def running(settings: Settings, **more: Any) -> AsyncIterator[tuple[Server, Addresses]]:
    """A server for the length of a `with`; `more` is as for Server."""
    server = Server(settings, **more)
    addresses = await server.start()
    try:
        yield server, addresses
    finally:
        await server.stop()
