"""One running server: every part made, joined and ended in order. It holds no rule."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from ssl import SSLContext
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from upwell.config import Settings
from upwell.dialects.huawei.hook_ops import notification
from upwell.dialects.huawei.iam import PROJECTS_PATH, TOKENS_PATH
from upwell.domain.commands import Command, DeleteDevice, DeleteSpace, ResetSecret, SetDeviceEnabled
from upwell.domain.errors import Unavailable
from upwell.domain.talk import OfferRequest
from upwell.doors.devices.alibaba_blocks import Blocks
from upwell.doors.devices.alibaba_registration import EnrolmentDoor
from upwell.doors.devices.desk import Desk, DeviceHandler
from upwell.doors.devices.faces.alibaba import AlibabaFace
from upwell.doors.devices.faces.huawei import HuaweiFace
from upwell.doors.devices.faces.tuyalink import TuyaLinkFace
from upwell.doors.devices.logins import LoginDesk
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.links import Links
from upwell.doors.management.bodies import Bodies
from upwell.doors.management.huawei_callers import Gate
from upwell.doors.management.huawei_sign_in import IamDoor
from upwell.doors.management.lingering import Lingering
from upwell.doors.management.rest import RestDoor, everything
from upwell.doors.management.rpc import RpcDoor
from upwell.doors.management.rpc import everything as rpc_at_root
from upwell.doors.management.tongues import Alibaba, Tongue, Tuya
from upwell.doors.management.uploads import streams_to_store
from upwell.doors.push import Poster
from upwell.doors.readiness import Readiness
from upwell.embedded import EmbeddedPostgres
from upwell.engine.dispatch import Ask, Asking, Came, Dispatcher
from upwell.engine.gather import Gatherer
from upwell.engine.loop import Loop
from upwell.service.context import Context, utc_now
from upwell.service.manage import access, fleet
from upwell.service.upgrade import (
    endings,
    enrol,
    faults,
    fill,
    gateways,
    logins,
    news,
    nodes,
    reports,
    stored_objects,
    streams,
)
from upwell.service.upgrade.dispatch import Addressed, Sent
from upwell.service.upgrade.downloads import server_secret
from upwell.service.upgrade.logins import LoginFacts
from upwell.storage.database import migrate
from upwell.wiring.certificates import ServerCertificates
from upwell.wiring.health import checks_of
from upwell.wiring.listeners import Addresses, listen, open_downloads, open_mqtt
from upwell.wiring.purge import purge_old
from upwell.wiring.stores import open_database, open_stores
from upwell.wiring.upload_desk import Uploads

log = logging.getLogger(__name__)
WATCH_BATCH = 5000  # connections asked about at once; a process with more needs several rounds to ask about all
LONG_TURN_S = 900.0  # a turn that reads or removes whole objects, from a slow store too
WATCH_PAUSE_S = 2.0  # between two rounds: about as long may a device stay that another process shut out


class Server:
    """A whole Upwell in this process and its child PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.node_id = uuid.uuid4()
        self.first_key: access.NewKey | None = None
        self._duties: list[Loop | Gatherer[Any, Any]] = []  # of the engine: `/readyz` asks each whether it is late
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
        self._keys_told = self.ctx.now()
        self.first_key = await access.bootstrap(self.ctx, _pair(self.settings))
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
        handler = self._devices()
        self._engine(handler)
        tls = self.certificates.devices
        download = DownloadDoor(self.links.find, read=self.objects.read, under=self.settings.public_paths)
        self._stack.push_async_callback(download.stop)
        downloads = await open_downloads(download, self.settings, tls)
        by_tls = downloads.get("downloads")
        self.links.origin = self.settings.public_url_at(downloads["download"].port)
        self.links.secure_origin = self.settings.secure_url_at(by_tls and by_tls.port)
        self._stack.push_async_callback(handler.door.stop)
        mqtt = await open_mqtt(handler.door, self.settings, tls)
        http, https = await self._http()
        self._run(self.certificates.watch())
        self.links.warn_of_ports()
        places = {name: str(place) for name, place in (downloads | mqtt).items()}
        links = self.links
        return Addresses(http=http, https=https, public_url=links.origin, secure_url=links.secure_origin, **places)

    def _gather(self, name: str, apply: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]], **more: Any) -> Any:
        gatherer: Gatherer[Any, Any] = Gatherer(name, apply, **more)
        self._duties.append(gatherer)
        self._run(gatherer.run())
        return gatherer

    def _devices(self) -> DeviceHandler:
        ctx, node = self.ctx, self.node_id

        blocks = Blocks(lambda device, stream: streams.find_stream(ctx, device, stream), self.objects.read)

        tolerance = timedelta(hours=self.settings.huawei_clock_tolerance_h)

        async def login_facts(ids: Sequence[UUID]) -> list[LoginFacts | None]:
            found = await logins.login_facts(ctx, list(ids))
            return [found.get(i) for i in ids]

        async def login_facts_by_name(names: Sequence[str]) -> list[Sequence[LoginFacts]]:
            found = await logins.login_facts_by_name(ctx, list(names))
            return [found[name] for name in names]

        async def arrived(who: Sequence[tuple[UUID, UUID, str]]) -> list[None]:
            await fleet.came_online(ctx, node, who)
            self.push.wake()
            return [None] * len(who)

        async def left(who: Sequence[tuple[UUID, UUID]]) -> list[None]:
            await fleet.went_offline(ctx, node, who)
            return [None] * len(who)

        async def report(batch: Sequence[reports.Incoming]) -> list[None]:
            applied = await reports.apply(ctx, batch)
            if applied.offers_due:
                self.push.wake()
            if applied.tasks_ended:
                self.finish.wake()
            return [None] * len(batch)

        async def behind(ids: Sequence[UUID]) -> list[Sequence[gateways.SubDevice]]:
            found = await gateways.behind(ctx, ids)
            return [found.get(each, ()) for each in ids]

        async def answer(asks: Sequence[Ask]) -> Sequence[Came]:
            return await self.dispatcher.answer(asks)

        asking = Asking(self._gather("asks", answer, batch_max=500).submit)

        async def ask(device_id: UUID, request: OfferRequest, reply: Callable[[Addressed | None], Sent]) -> None:
            await asking.ask(Ask(device_id, request, reply))

        return DeviceHandler(
            Desk(
                logins=LoginDesk(
                    now=ctx.now,
                    facts=self._gather("logins", login_facts).submit,
                    facts_by_name=self._gather("logins by name", login_facts_by_name).submit,
                    product_secret=lambda key: enrol.product_secret(ctx, key),
                    enrol=self._enrol,
                ),
                arrived=self._gather("arrivals", arrived).submit,
                left=self._gather("departures", left).submit,
                report=self._gather("reports", report).submit,
                ask=ask,
                block=blocks.block,
                bind=lambda gateway, subs: gateways.bind(ctx, gateway, subs),
                unbind=lambda gateway, subs: gateways.unbind(ctx, gateway, subs),
                bound=lambda gateway: gateways.sub_devices(ctx, gateway),
                behind=self._gather("sub-devices", behind).submit,
                behind_all=lambda ids: gateways.behind(ctx, ids),
            ),
            faces=[
                AlibabaFace(self.links.by_tls),
                HuaweiFace(ctx.now, self.links.make, tolerance),
                TuyaLinkFace(ctx.now, self.links.by_tls),
            ],
        )

    async def _enrol(self, product_key: str, name: str, creates: bool) -> str | None:
        return await enrol.enrol(self.ctx, product_key, name, creates, self.settings.dynamic_registration)

    def _enrolment(self) -> EnrolmentDoor:
        return EnrolmentDoor(product_secret=partial(enrol.product_secret, self.ctx), enrol=self._enrol)

    def _engine(self, handler: DeviceHandler) -> None:
        ctx = self.ctx
        self.dispatcher = Dispatcher(ctx, self.node_id, self.links.make, handler.send)
        self.push = Loop("push", self.dispatcher.push_due, 0.25)
        self.fill = Loop("fill", self._fill, 1.0)
        self.finish = Loop("finish", self._finish, 0.5)
        upkeep = Loop("upkeep", self._upkeep, 5.0)
        purge = Loop("purge", partial(purge_old, ctx), 60.0, turn_max_s=LONG_TURN_S)
        self.watch = Loop("watch", partial(self._watch, handler), WATCH_PAUSE_S)
        self.read = Loop("objects", partial(stored_objects.read_one, ctx), 2.0, turn_max_s=LONG_TURN_S)
        bereft = Loop("lost objects", partial(faults.end_bereft, ctx), 1.0)
        look = Loop("objects again", partial(stored_objects.look_again, ctx), 15.0)
        post = Poster(private=self.settings.allow_private_push).post
        self.readiness = Readiness(checks_of(self.settings, ctx, self.node_id, self._duties))
        health = Loop("health", self._look, 15.0)
        self.tell = Loop("news", partial(news.deliver, ctx, notification, post), 1.0)
        for loop in (
            self.push,
            self.fill,
            self.finish,
            upkeep,
            purge,
            self.watch,
            self.read,
            bereft,
            look,
            self.tell,
            health,
        ):
            self._duties.append(loop)
            self._run(loop.run())

        def changed(command: Command) -> None:
            gone = isinstance(command, DeleteDevice) or (isinstance(command, SetDeviceEnabled) and not command.enabled)
            named = command.device if isinstance(command, DeleteDevice | SetDeviceEnabled) else None
            device = fleet.key_device_id(named) if gone and named else None
            if device is not None:
                handler.turn_out(device)
            elif gone or isinstance(command, DeleteSpace | ResetSecret):
                self.watch.wake()  # who it is must be looked up: the watch finds whose connection may not stay
            for loop in (self.fill, self.push, self.finish, self.read, self.tell):
                loop.wake()

        self._changed = changed

    async def _fill(self) -> bool:
        await endings.start_planned(self.ctx)
        waiting = await fill.unfilled(self.ctx)
        for job_id in waiting:
            while await fill.fill(self.ctx, job_id):
                self.fill.progressed()
                self.push.wake()
        if waiting:
            self.push.wake()
            self.finish.wake()
        return False

    async def _finish(self) -> bool:
        timed_out = await endings.time_out(self.ctx)
        waited = await endings.end_waits(self.ctx)
        closed = await endings.close_windows(self.ctx)
        return bool(await endings.end_finished(self.ctx)) or timed_out + waited + closed > 0

    async def _upkeep(self) -> bool:
        await nodes.keep_lease(self.ctx, self.node_id)
        await nodes.release_dead(self.ctx)
        await nodes.adopt_tasks(self.ctx, self.node_id)
        self._keys_told = await access.tell_changed_keys(self.ctx, self._keys_told)
        return False

    async def _watch(self, handler: DeviceHandler) -> bool:
        seats = handler.seats.some(WATCH_BATCH)
        for device_id, connection_id in await nodes.unwelcome(self.ctx, seats) if seats else []:
            handler.turn_out(device_id, connection_id)
        await handler.catch_up(seats)
        return False

    async def _look(self) -> bool:
        await self.readiness.told()  # so that the log says what is wrong, whether anybody asks or not
        return False

    def _tongues(self) -> dict[str, Tongue]:
        settings = self.settings
        tuya = Tuya(bare_secret=settings.tuya_bare_secret, wrapped_lists=settings.tuya_wrapped_lists)
        return {"alibaba": Alibaba(), "tuya": tuya}

    async def _http(self) -> tuple[str, str | None]:
        desk = Uploads(self.ctx, self.objects)
        rpc = RpcDoor(
            ctx=self.ctx, desk=desk, tongues=self._tongues(), now=utc_now, changed=self._changed,
            limited=self.settings.request_limits,
        )  # fmt: skip
        gate = Gate(ctx=self.ctx, now=utc_now)
        signing_in = IamDoor(ctx=self.ctx, gate=gate)
        rest = RestDoor(ctx=self.ctx, gate=gate, changed=self._changed, limited=self.settings.request_limits)
        app = Starlette(
            routes=[
                Route("/auth/register/device", self._enrolment().__call__, methods=["POST"]),
                rpc_at_root(rpc),
                everything(rest),
                Route(TOKENS_PATH, signing_in.tokens, methods=["POST"]),
                Route(PROJECTS_PATH, signing_in.projects, methods=["GET"]),
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


def _pair(settings: Settings) -> tuple[str, str] | None:
    key = settings.bootstrap_key
    return None if key is None else (key.id, key.secret)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Server, Addresses]]:
    """A server for the length of a `with`."""
    server = Server(settings)
    addresses = await server.start()
    try:
        yield server, addresses
    finally:
        await server.stop()
