"""The toy dialect (tests/toy) through a whole server: what it gets from the core without a line of it there. This end
of the wire shares no code with the other."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_house import Device, House, Known, house_on
from tests.mqttwire import connect

from toy import FACE, TONGUE
from upwell.domain import commands as c
from upwell.service.manage import access, devices

IMAGE = b"firmware two" * 1000


async def http(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Status and body, by bytes written here."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} {path} HTTP/1.1", f"host: {address}", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


@dataclass
class Owner:
    """Whoever has a toy key."""

    address: str
    key: str
    secret: str

    async def raw(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        path = f"/toy/v1/{path}"
        sign = hashlib.sha256(f"{self.secret}\n{method} {path}\n".encode() + body).hexdigest()
        status, answer = await http(self.address, method, path, body, toy_key=self.key, toy_sign=sign)
        return status, json.loads(answer)

    async def ask(self, method: str, path: str, **members: Any) -> Any:
        status, answer = await self.raw(method, path, json.dumps(members).encode() if members else b"")
        assert status == 200, answer
        return answer

    async def product(self) -> str:
        return str((await self.ask("POST", "products", name=f"toys {time.monotonic_ns()}"))["product"])

    async def device(self, product: str, name: str) -> "Toy":
        made = await self.ask("POST", f"products/{product}/devices", name=name)
        return Toy(self.address, product, name, made["secret"])

    async def package(self, product: str) -> str:
        status, answer = await self.raw("PUT", f"products/{product}/packages/2.0", IMAGE)
        assert status == 200, answer
        return str(answer["package"])

    async def states(self, job: str) -> Any:
        return (await self.ask("GET", f"jobs/{job}"))["states"]


@dataclass
class Toy:
    """A toy that asks again and again."""

    address: str
    product: str
    name: str
    secret: str

    async def raw(self, method: str, verb: str, body: bytes = b"") -> tuple[int, Any]:
        path = f"/toy/device/{self.product}/{self.name}/{verb}"
        token = hashlib.sha256(f"{self.secret}:{path}".encode()).hexdigest()
        status, answer = await http(self.address, method, path, body, toy_token=token)
        return status, json.loads(answer)

    async def next(self) -> Any:
        status, answer = await self.raw("GET", "next")
        assert status == 200, answer
        return answer["install"]

    async def say(self, **members: Any) -> None:
        assert await self.raw("POST", "state", json.dumps(members).encode()) == (200, {"taken": True})

    async def offered(self) -> Any:
        """Its offer, once there is one."""
        async with asyncio.timeout(10):
            while not (told := await self.next()):
                await asyncio.sleep(0.05)
        return told

    async def upgrade(self) -> None:
        told = await self.offered()
        place, _, path = told["url"].removeprefix("http://").partition("/")
        status, image = await http(place, "GET", f"/{path}")
        assert status == 200 and len(image) == told["size"] and hashlib.sha256(image).hexdigest() == told["sha256"]
        await self.say(percent=50)
        await self.say(percent=100)
        await self.say(running=told["version"])


@asynccontextmanager
async def toy_house(dsn: str, folder: Path, **options: str) -> AsyncIterator[tuple[House, Owner]]:
    async with house_on(dsn, folder, {"more_tongues": [TONGUE], "more_faces": [FACE]}, **options) as house:
        key = await access.create_key(house.ctx, "acme", "admin", "toy")
        yield house, Owner(house.http, key.key_id, key.secret)


async def job_for(owner: Owner, *toys: Toy, **more: Any) -> str:
    product = toys[0].product
    for toy in toys:
        await toy.say(running="1.0")
    package, names = await owner.package(product), [toy.name for toy in toys]
    made = await owner.ask("POST", f"products/{product}/jobs", package=package, devices=names, **more)
    return str(made["job"])


async def test_what_a_toy_owner_changes_is_in_the_audit_and_what_one_reads_is_not(dsn: str, tmp_path: Path) -> None:
    """Also where no viewer may read it: by what the tongue says, and by what the command is."""
    async with toy_house(dsn, tmp_path) as (house, owner):
        product = await owner.product()
        assert await owner.ask("GET", "products") == {"products": [product]}
        assert await owner.ask("GET", f"products/{product}") == {"product": product}
        assert (await owner.raw("GET", "products/nothing"))[0] == 404
        assert (await owner.raw("GET", "products", b"no JSON"))[0] == 400
        viewer = await access.create_key(house.ctx, "acme", "viewer", "toy")
        looks = Owner(house.http, viewer.key_id, viewer.secret)
        assert [(await looks.raw("GET", f"products{tail}"))[0] for tail in ("", f"/{product}")] == [403, 403]
        assert (await looks.raw("POST", "products", b'{"name": "no"}'))[0] == 403
        await owner.package(product)
        found = await house.rows("select operation, result, who from audit where tongue = 'toy' order by entry_id")
    assert [tuple(row.values()) for row in found] == [
        ("make a product", "done", owner.key),
        ("make a product", "403", viewer.key_id),
        ("upload a package", "done", owner.key),
    ]


async def test_a_toy_and_an_alibaba_device_in_one_job(dsn: str, tmp_path: Path) -> None:
    async with toy_house(dsn, tmp_path) as (house, owner):
        product = await owner.product()
        toy, other = await owner.device(product, "toy1"), await owner.device(product, "lamp1")
        lamp = await house.connect(Known(product, "lamp1", other.secret))
        await lamp.inform("1.0")
        await toy.say(running="1.0")
        package = await owner.package(product)
        made = await owner.ask("POST", f"products/{product}/jobs", package=package, devices=["toy1", "lamp1"])
        push = json.loads(await lamp.said(f"/ota/device/upgrade/{product}/lamp1"))
        assert push["data"]["version"] == "2.0"
        await asyncio.gather(toy.upgrade(), lamp.inform("2.0"))
        assert await owner.ask("GET", f"jobs/{made['job']}") == {"devices": 2, "states": {"SUCCEEDED": 2}}
        rows = await house.rows("select * from job where job_id = $1", int(made["job"]))
        assert len(rows) == 1


async def test_a_toy_on_mqtt_is_pushed_its_offer(dsn: str, tmp_path: Path) -> None:
    """It subscribes to nothing; a toy without its secret is let in no more than one of no vendor."""
    async with toy_house(dsn, tmp_path) as (house, owner):
        product = await owner.product()
        toy = await owner.device(product, "toy1")
        name, client = f"{product}_toy1", await house.client()
        password = hashlib.sha256(f"{toy.secret}:toy-{name}".encode()).hexdigest().encode()
        await client.send(connect(f"toy-{name}", "", password[::-1]))
        assert (await client.receive()).body[1] == 4
        client = await house.client()
        await client.send(connect(f"toy-{name}", "", password))
        assert (await client.receive()).body[1] == 0
        device = Device(client, Known(product, "toy1", toy.secret))
        await device.say(f"{name}/state", {"running": "1.0"})
        package = await owner.package(product)
        job = (await owner.ask("POST", f"products/{product}/jobs", package=package, devices=["toy1"]))["job"]
        told = json.loads(await device.said(f"{name}/install"))
        assert (told["version"], told["sha256"]) == ("2.0", hashlib.sha256(IMAGE).hexdigest())
        for said in ({"percent": 50}, {"percent": 100}, {"running": "2.0"}):
            await device.say(f"{name}/state", said)
        assert await owner.states(job) == {"SUCCEEDED": 1}
        assert [row["vendor"] for row in await house.rows("select vendor from presence")] == ["toy"]
        await device.say("another/state", {"running": "3.0"})
        assert device.ended.is_set()
        await device.close()


async def test_without_any_mqtt_listener(dsn: str, tmp_path: Path) -> None:
    async with toy_house(dsn, tmp_path, mqtt="off") as (house, owner):
        assert house.mqtt is None
        toy = await owner.device(await owner.product(), "toy1")
        job = await job_for(owner, toy)
        await toy.upgrade()
        assert await owner.states(job) == {"SUCCEEDED": 1}
        assert await toy.next() is None


async def test_what_is_answered_is_committed(dsn: str, tmp_path: Path) -> None:
    async with toy_house(dsn, tmp_path, mqtt="off") as (house, owner):
        toy = await owner.device(await owner.product(), "toy1")
        job = await job_for(owner, toy)
        assert [row["version"] for row in await house.rows("select version from module_version")] == ["1.0"]
        assert (await toy.offered())["version"] == "2.0"
        await house.until_state(int(job), "NOTIFIED")  # its delivery is recorded, and no device said so
        assert (await toy.next())["version"] == "2.0"  # a toy that lost the answer is told again
        await toy.say(percent=40)
        assert [row["progress"] for row in await house.rows("select progress from task")] == [40]
        [seen] = await house.rows("select n.*, d.activated_at from presence n join device d using (device_id)")
        assert seen["node_id"] is None and seen["online_at"] == seen["offline_at"] >= seen["activated_at"]


async def test_a_cancelled_job_is_offered_to_nobody_and_stays_cancelled(dsn: str, tmp_path: Path) -> None:
    """L5."""
    async with toy_house(dsn, tmp_path, mqtt="off") as (_, owner):
        toy = await owner.device(await owner.product(), "toy1")
        job = await job_for(owner, toy)
        await toy.offered()
        asking = [asyncio.create_task(toy.next()) for _ in range(10)]
        await owner.ask("DELETE", f"jobs/{job}")
        assert [await toy.next() for _ in range(3)] == [None] * 3
        await asyncio.gather(*asking)
        await toy.say(percent=90)
        assert await owner.states(job) == {"CANCELED": 1}


async def test_no_more_offers_than_the_pace_allows(dsn: str, tmp_path: Path) -> None:
    """L4."""
    async with toy_house(dsn, tmp_path, mqtt="off") as (house, owner):
        product = await owner.product()
        toys = [await owner.device(product, f"toy{n}") for n in range(14)]
        job = await job_for(owner, *toys, per_minute=10)
        await until_tasks(house, job, 14)
        told = await asyncio.gather(*(toy.next() for toy in toys))
        assert sum(each is not None for each in told) == 10
        again = await asyncio.gather(
            *(toy.next() for toy in toys)
        )  # who has its offer is told it again, and counts once
        assert [each is not None for each in again] == [each is not None for each in told]


async def until_tasks(house: House, job: str, count: int) -> None:
    async with asyncio.timeout(10):
        while len(await house.rows("select 1 from task where job_id = $1", int(job))) < count:
            await asyncio.sleep(0.02)


async def test_a_failure_is_tried_again_as_the_job_says(dsn: str, tmp_path: Path) -> None:
    async with toy_house(dsn, tmp_path, mqtt="off") as (_, owner):
        toy = await owner.device(await owner.product(), "toy1")
        job = await job_for(owner, toy, tries=2)
        await toy.offered()
        await toy.say(failed="the battery is low")
        assert await owner.states(job) == {"QUEUED": 1}
        await toy.offered()
        await toy.say(failed="the battery is low")
        assert await owner.states(job) == {"FAILED": 1}
        assert await toy.next() is None


async def test_who_is_no_toy_of_ours_is_refused(dsn: str, tmp_path: Path) -> None:
    async with toy_house(dsn, tmp_path, mqtt="off") as (house, owner):
        product = await owner.product()
        toy, other = await owner.device(product, "toy1"), await owner.device(product, "toy2")
        thief = Toy(toy.address, product, "toy1", other.secret)
        assert (await thief.raw("GET", "next"))[0] == 401
        assert (await Toy(toy.address, product, "nobody", "x").raw("GET", "next"))[0] == 401
        assert (await toy.raw("POST", "state", b"{"))[0] == 400
        assert (await toy.raw("POST", "state", b"x" * 5000))[0] == 400
        assert (await toy.raw("GET", "nothing"))[0] == 400
        assert await house.rows("select 1 from module_version") == []
        off = c.DeviceChange(device=c.DeviceKey(product_key=product, name="toy1"), enabled=False)
        await devices.update_devices(house.ctx, house.caller, c.UpdateDevices(changes=(off,)))
        assert (await toy.raw("GET", "next"))[0] == 401


async def test_keys_speak_their_own_tongue_alone(dsn: str, tmp_path: Path) -> None:
    async with toy_house(dsn, tmp_path) as (house, owner):
        product = await owner.product()
        forger = Owner(owner.address, owner.key, "not the secret")
        assert (await forger.raw("POST", "products", b'{"name": "x"}'))[0] == 401
        alien = await access.create_key(house.ctx, "acme", "admin", "huawei")
        assert (await Owner(owner.address, alien.key_id, alien.secret).raw("GET", "jobs/1"))[0] == 401
        viewer = await access.create_key(house.ctx, "acme", "viewer", "toy")
        looker = Owner(owner.address, viewer.key_id, viewer.secret)
        assert (await looker.raw("POST", f"products/{product}/devices", b'{"name": "x"}'))[0] == 403
        assert (await looker.raw("GET", "jobs/1"))[0] == 404
        assert (await looker.raw("GET", "nothing"))[0] == 404
        stranger = await access.create_key(house.ctx, "other", "admin", "toy")
        foreign = Owner(owner.address, stranger.key_id, stranger.secret)
        assert (await foreign.raw("POST", f"products/{product}/devices", b'{"name": "x"}'))[0] == 404
