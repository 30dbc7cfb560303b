"""A database URL with several hosts: a primary, its standby, and one that swallows what it is sent."""

import asyncio
import logging
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.prove.cluster import Postgres, replicated, steady_ports

from scratch import scratch
from upwell.domain.database_urls import places
from upwell.domain.errors import Unavailable
from upwell.storage import hosts
from upwell.storage.database import Connection, Database


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("postgresql://u:p@one/db", [("one", 5432)]),
        ("postgresql://u:p%40,x@one:1,two,[::1]:3/db?sslmode=require", [("one", 1), ("two", 5432), ("::1", 3)]),
        ("postgresql://one:7,two:8", [("one", 7), ("two", 8)]),
        ("postgresql://u:p@[::1],[::2]/db", [("::1", 5432), ("::2", 5432)]),
        ("postgresql://u:p@/db?host=/run/postgresql", []),
    ],
)
def test_the_hosts_of_a_url(dsn: str, found: list[tuple[str, int]]) -> None:
    assert places(dsn) == found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGQUIT, None])
async def test_however_a_server_ends_it_is_unavailable_and_nothing_else(
    how: signal.Signals | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A signal to the postmaster alone, and the end of all its processes at once; many transactions are under way."""
    caplog.set_level(logging.INFO)
    top = scratch("upwell-hosts-")
    server = Postgres(top, "alone", steady_ports(1)[0], "word")
    try:
        server.initialise()
        await server.start()
        one, over, seen = Database(server.dsn), asyncio.Event(), list[Exception]()

        async def asks(conn: Connection) -> None:
            await conn.execute("select 1")
            await conn.fetch("select generate_series(1, 200)")
            await conn.execute("select pg_sleep(0.001)")

        async def goes_on() -> None:
            while not over.is_set():
                try:
                    await one.transact(asks)
                except Unavailable as exc:
                    seen.append(exc)
                    await asyncio.sleep(0.01)

        await one.open()
        working = [asyncio.create_task(goes_on()) for _ in range(16)]
        await asyncio.sleep(0.3)
        server.end(how)
        count = len(seen)
        await asyncio.sleep(1.5)  # the driver looks after its connections once a second
        over.set()
        await asyncio.gather(*working)
        assert len(seen) > count
        await server.start()
        await one.transact(asks)
        await one.close()
        assert caplog.messages == []
    finally:
        server.stop()
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Postgres, Postgres]]:
    top = scratch("upwell-hosts-")
    try:
        async with replicated(top) as both:
            yield both
    finally:
        shutil.rmtree(top, ignore_errors=True)


def database(*servers: Any) -> Database:
    """Of these, in that order; a number is a port where somebody else is."""
    word = next(each.password for each in servers if isinstance(each, Postgres))
    given = ",".join([*(f"127.0.0.1:{getattr(each, 'port', each)}" for each in servers), "[::1]:9"])
    return Database(f"postgresql://upwell:{word}@{given}/postgres")


async def port_of(one: Database) -> int:
    """Of the server that its next connection is to, where it writes."""
    async with one.connection() as conn:
        await conn.execute("create temporary table if not exists written (n int)")
        return int(await conn.fetchval("select inet_server_port()"))


async def test_the_one_that_takes_writes_is_found_whatever_stands_before_it(
    pair: tuple[Postgres, Postgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "HOST_WITHIN_S", 0.5)
    primary, standby = pair
    with socket.create_server(("127.0.0.1", 0)) as hole, socket.create_server(("127.0.0.1", 0)) as shut:
        hole.setblocking(False)
        nobody = shut.getsockname()[1]
        shut.close()
        one = database(hole.getsockname()[1], nobody, standby, primary)
        await one.open()
        try:
            assert await port_of(one) == primary.port
            async with one.connection(), one.connection(), one.connection() as conn:  # more than there were
                raw = conn._con._transport.get_extra_info("socket")  # type: ignore[attr-defined]
                assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
                assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            hole.accept()[0].close()
            with pytest.raises(BlockingIOError):
                hole.accept()  # only the first had to wait for it
        finally:
            await one.close()


async def test_what_takes_no_writes_is_left_for_what_does(pair: tuple[Postgres, Postgres]) -> None:
    """The primary becomes one that is only read from while it is connected to, as in a switchover."""
    primary, standby = pair
    one = database(primary, standby)
    await one.open()
    try:
        assert await port_of(one) == primary.port
        async with one.connection() as conn:
            await conn.execute("alter system set default_transaction_read_only = on")
            await conn.execute("select pg_reload_conf()")
        with pytest.raises(Unavailable, match="read-only"):
            while True:  # until its sessions have heard of it
                async with one.connection() as conn:
                    await conn.execute("create table t (n int)")
                    await conn.execute("drop table t")
        with pytest.raises(Unavailable, match="none of its hosts takes writes"):
            await port_of(one)
        standby.promote()
        assert await port_of(one) == standby.port
    finally:
        await one.close()
