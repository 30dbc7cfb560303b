"""A device of each vendor, made, updated by the server that runs here, and deleted: what its login, its offer, its
download and its report would tell of the way between."""

import contextlib
import io
import secrets
from collections.abc import AsyncIterator, Callable

from upwell.cli.acting import acting
from upwell.client import AsyncClient, ClientError, Conflict
from upwell.config import Settings
from upwell.domain.errors import UpwellError
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.simulator.device import Device
from upwell.simulator.fleet import planned
from upwell.simulator.speech import SPEECHES
from upwell.storage.database import Database
from upwell.storage.migrating import require_schema
from upwell.wiring.checkup_ways import at_hand
from upwell.wiring.finding import Finding

ACCOUNT = "upwell-doctor"
OLD, NEW = "1.0", "2.0"
IMAGE_SIZE = 100_000
WITHIN_S = 30.0

Connect = Callable[[], contextlib.AbstractAsyncContextManager[Database]]


async def probe(settings: Settings, connect: Connect) -> AsyncIterator[Finding]:
    """What became of each."""
    if settings.mqtt is None or not settings.mqtt.port or not settings.http.port:
        yield Finding("probe", "warning", "it needs --http and --mqtt with a port", "say the server's settings")
        return
    if "mqtt" in settings.proxy_protocol:
        fact = "--mqtt is reached by a proxy that says who is behind it, and a probe does not go by it"
        yield Finding("probe", "warning", fact, "give --mqtt of a server without --proxy-protocol, or try a device")
        return
    try:
        async with connect() as database:
            await require_schema(database)
            ctx = Context(database)
            what = {"account": ACCOUNT, "role": "admin", "dialect": "upwell"}
            key = await acting("key create", what, lambda ctx: access.create_key(ctx, *what.values(), is_token=True))(
                ctx
            )
            try:
                async for found in _played(settings, key.secret):
                    yield found
            finally:
                revoked = {"key_id": key.key_id}
                await acting("key revoke", revoked, lambda ctx: access.revoke_key(ctx, key.key_id))(ctx)
    except UpwellError as exc:
        yield Finding("probe", "fault", exc.problem, "see what is said above")


async def _played(settings: Settings, token: str) -> AsyncIterator[Finding]:
    async with AsyncClient(f"http://{at_hand(settings.http)}", token) as v1:
        try:
            async with _rollout(v1) as (product, secrets_of):
                for found in await _ends(settings, product, secrets_of):
                    yield found
        except ClientError as exc:
            yield Finding("probe", "fault", f"the management API refused: {exc}", "see the server's log")


@contextlib.asynccontextmanager
async def _rollout(v1: AsyncClient) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """A product with a rollout for a device of each vendor, and their secrets; all of it goes at the end."""
    async with contextlib.AsyncExitStack() as made:
        product = (await v1.create_product(name=f"probe {secrets.token_hex(4)}"))["id"]
        made.push_async_callback(v1.delete_product, product)
        secrets_of: dict[str, str] = {}
        for vendor in SPEECHES:
            device = await v1.create_device(product_id=product, name=vendor)
            made.push_async_callback(v1.delete_device, device["id"])
            secrets_of[vendor] = device["secret"]
        image = io.BytesIO(secrets.token_bytes(IMAGE_SIZE))
        upload = await v1.upload(image)
        package = await v1.create_package(
            name=f"probe {product}", version=NEW, product_id=product, upload_id=upload["id"], verify=False
        )
        made.push_async_callback(v1.delete_package, package["id"])
        rollout = await v1.create_rollout(
            kind="static", product_id=product, package_id=package["id"], targets={"all": True}
        )
        made.push_async_callback(_over, v1, rollout["id"])
        yield product, secrets_of


async def _over(v1: AsyncClient, rollout: str) -> None:
    with contextlib.suppress(Conflict):  # it has ended, as it should
        await v1.cancel_rollout(rollout)


async def _ends(settings: Settings, product: str, secrets_of: dict[str, str]) -> list[Finding]:
    """How each device ended, from its login to its last report."""
    assert settings.mqtt is not None  # noqa: S101  # `probe` looked
    at = at_hand(settings.mqtt)
    devices = [
        {"product_key": product, "device_name": name, "device_secret": secret, "version": OLD, "kind": name}
        for name, secret in secrets_of.items()
    ]
    run = planned({"host": at.host, "port": at.port, "devices": devices, "target_version": NEW, "duration_s": WITHIN_S})
    await run.play()
    return [_end(device) for device in run.fleet.devices]


def _end(device: Device) -> Finding:
    about, problems = f"probe {device.identity.kind}", "; ".join(device.problems)[-500:] or "no answer"
    if device.outcome == "SUCCEEDED" and not device.problems:
        return Finding(about, "ok", "it logged in, was offered the package, downloaded it, and succeeded")
    if not device.offers:
        fact = f"it was offered nothing within {WITHIN_S:.0f} s: {problems}"
        return Finding(about, "fault", fact, "look at --mqtt, and at the server's log")
    at, end = device.offers[-1][2], device.outcome or "not at all"
    fact = f"it was offered {_without_token(at)}, and ended {end} within {WITHIN_S:.0f} s: {problems}"
    return Finding(about, "fault", fact, "look at --public-url, and at what lies between here and there")


def _without_token(url: str) -> str:
    return url.partition("/ota/")[0]
