"""One platform as an operator sets it up on several machines (docs/cluster.md), on this one: nodes behind a real
haproxy with the configuration of `deploy/`, a PostgreSQL with a standby by streaming replication, one S3 server."""

import asyncio
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
from alibabacloud_iot20180120.client import Client
from tests.haproxy import haproxy
from tests.prove.rollout import Process, steady_ports

from scratch import scratch
from upwell.embedded.accounts import in_child, server_account, usable_programs
from upwell.embedded.files import Paths

CONFIGURATION = Path("deploy/haproxy/haproxy.cfg")
BACKUP = "-X stream -C -S standby1 -R -P"  # as docs/cluster.md says it
WITHIN_S = 60.0
S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret"}


class Postgres:
    """One server of PostgreSQL on this machine's loopback, run by the wheel's programs."""

    def __init__(self, top: Path, name: str, port: int, password: str) -> None:
        self.top, self.name, self.port, self.password = top, name, port, password
        self.data = top / name
        self._paths = Paths(top)
        self._account = server_account(self._paths)
        self._programs = usable_programs(self._account, self._paths)
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """An empty one that takes a standby."""
        self.own(self.top)
        word = self.top / "password"
        word.write_text(self.password)
        self.own(word)
        self.run("initdb", "-D", str(self.data), "-U", "upwell", "-k", "--no-locale", "-E", "UTF8",
                 "--auth=scram-sha-256", f"--pwfile={word}")  # fmt: skip
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host replication replicator 127.0.0.1/32 scram-sha-256\n")

    def copy_of(self, primary: "Postgres") -> None:
        """A standby of that one, by its slot."""
        place = f"host=127.0.0.1 port={primary.port} user=replicator application_name=standby1"
        self.run("pg_basebackup", "-d", place, "-D", str(self.data), *BACKUP.split())

    async def start(self, **settings: str) -> None:
        """It accepts connections when this returns."""
        given = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
                 "max_connections": "200", "hot_standby": "on", **settings}  # fmt: skip
        command = ["postgres", "-D", str(self.data)]
        command += [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        with (self.top / f"{self.name}.log").open("ab") as log:
            self._process = self._spawn(command, log)
        deadline = time.monotonic() + WITHIN_S
        while not await self._accepts():
            assert self._process.poll() is None and time.monotonic() < deadline, self.said()
            await asyncio.sleep(0.1)

    def kill(self) -> None:
        """As if the machine lost its power: none of its processes does anything more."""
        assert self._process is not None
        pid = self._process.pid
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        self._process.kill()
        for each in children:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait()

    def end(self, by: signal.Signals | None) -> None:
        """By that signal to the postmaster, without one as `kill` does."""
        if by is None:
            self.kill()
            return
        assert self._process is not None
        self._process.send_signal(by)
        self._process.wait()

    def promote(self) -> None:
        """It takes writes when this returns."""
        self.run("pg_ctl", "promote", "-D", str(self.data), "-w")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def own(self, path: Path) -> None:
        """Give it to whoever runs PostgreSQL."""
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def run(self, *command: str) -> None:
        done = self._spawn(list(command), subprocess.PIPE)
        said, _ = done.communicate(timeout=WITHIN_S)
        assert done.returncode == 0, said.decode()

    def said(self) -> str:
        return (self.top / f"{self.name}.log").read_text()[-3000:]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def dsn(self) -> str:
        return f"postgresql://upwell:{self.password}@127.0.0.1:{self.port}/postgres"

    async def _accepts(self) -> bool:
        try:
            conn = await asyncpg.connect(self.dsn, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        await conn.close()
        return True

    def _spawn(self, command: list[str], output: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [str(self._programs / command[0]), *command[1:]], stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, cwd="/", umask=0o077, start_new_session=True,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PGPASSWORD": self.password},
            preexec_fn=in_child(self._account, signal.SIGINT),
        )  # fmt: skip


@asynccontextmanager
async def replicated(top: Path, **settings: str) -> AsyncIterator[tuple[Postgres, Postgres]]:
    """A primary with these settings, and its standby."""
    password, ports = secrets.token_hex(12), steady_ports(2)
    primary, standby = (Postgres(top, *which, password) for which in zip(("primary", "standby"), ports, strict=True))
    try:
        primary.initialise()
        await primary.start()
        await _told(primary, f"create role replicator replication login password '{password}'")
        standby.copy_of(primary)
        await standby.start()
        await _streaming(primary)
        for name, value in settings.items():
            await _told(primary, f"alter system set {name} = '{value}'")
        await _told(primary, "select pg_reload_conf()")
        yield primary, standby
    finally:
        standby.stop()
        primary.stop()


async def _told(server: Postgres, statement: str) -> None:
    conn = await asyncpg.connect(server.dsn)
    await conn.execute(statement)
    await conn.close()


async def _asked(server: Postgres, question: str) -> Any:
    conn = await asyncpg.connect(server.dsn)
    answer = await conn.fetchval(question)
    await conn.close()
    return answer


async def _streaming(primary: Postgres) -> None:
    async with asyncio.timeout(WITHIN_S):
        while await _asked(primary, "select count(*) from pg_stat_replication where state = 'streaming'") != 1:
            await asyncio.sleep(0.1)


@contextmanager
def s3(top: Path) -> Iterator[str]:
    """The URL of a store on a real S3 server."""
    (top / "s3/bucket").mkdir(parents=True)
    [port] = steady_ports(1)
    command = [str(Path(sys.executable).with_name("nanio")), "serve", "--data-dir", str(top / "s3"), "--host",
               "127.0.0.1", "--port", str(port), "--no-access-log"]  # fmt: skip
    env = os.environ | {"NANIO_ACCESS_KEY": "test", "NANIO_SECRET_KEY": "testsecret"}
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"s3://bucket/firmware?endpoint=http://127.0.0.1:{port}&region=us-east-1"
    finally:
        server.terminate()
        server.wait(10)


class Cluster:
    """What devices and owners reach by haproxy, and what an operator can do to it."""

    def __init__(self, nodes: list[Process], primary: Postgres, standby: Postgres, ports: dict[str, int]) -> None:
        self.nodes, self.primary, self.standby, self.ports = nodes, primary, standby, ports

    def client(self) -> Client:
        """The vendor's SDK, by haproxy."""
        first = self.nodes[0]
        own, first.http = first.http, self.ports["http"]
        try:
            return first.client()
        finally:
            first.http = own

    def log(self) -> str:
        """Of all nodes."""
        return "".join((node.dir / "server.log").read_text() for node in self.nodes)

    async def parted(self) -> None:
        """From now on the standby gets nothing of what the primary commits."""
        await _told(self.standby, "alter system set primary_conninfo = ''")
        await _told(self.standby, "select pg_reload_conf()")
        async with asyncio.timeout(WITHIN_S):
            while await _asked(self.primary, "select count(*) from pg_stat_replication"):
                await asyncio.sleep(0.05)

    async def killed_node(self, which: int) -> None:
        await asyncio.to_thread(self.nodes[which].kill)

    async def failed_over(self) -> None:
        """The primary's machine is gone, and somebody promotes the standby."""
        await asyncio.to_thread(self.primary.kill)
        await asyncio.to_thread(self.standby.promote)


def configured(nodes: list[Process], ports: dict[str, int]) -> str:
    """The configuration of `deploy/` with the addresses of here."""
    own = {"1883": "mqtt", "8883": "mqtts", "8687": "download", "8686": "http"}
    lines: list[str] = []
    for line in CONFIGURATION.read_text().splitlines():
        if found := re.fullmatch(r"    server node1 10\.0\.0\.11:(\d+)(.*)", line):
            for number, node in enumerate(nodes, 1):
                port = node.mqtts if found[1] == "8883" else getattr(node, own[found[1]])  # type: ignore[attr-defined]
                lines.append(f"    server node{number} 127.0.0.1:{port}{found[2]} port {node.http}")
        elif found := re.fullmatch(r"    bind :(\d+)", line):
            lines.append(f"    bind 127.0.0.1:{ports[own[found[1]]]}")
        elif "    server node" not in line:
            lines.append(line.replace(":8404", f":{ports['watched']}"))
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def cluster(count: int, *options: str, **settings: str) -> AsyncIterator[Cluster]:
    """So many nodes with these options, on a PostgreSQL with these settings."""
    top = scratch("upwell-cluster-")
    ports = dict(zip(("mqtt", "mqtts", "download", "http", "watched"), steady_ports(5), strict=True))
    with _kept(top), s3(top) as objects:
        async with replicated(top, **settings) as (primary, standby):
            hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            given = [
            "--database-url", f"postgresql://upwell:{primary.password}@{hosts}/postgres", "--objects-url", objects,
            "--public-url", f"http://127.0.0.1:{ports['download']}", "--trusted-proxies", "127.0.0.1",
        ]  # fmt: skip
            nodes = [_node(given, options) for _ in range(count)]
            for node in nodes:
                node.key = nodes[0].key
            try:
                for node in nodes:
                    await asyncio.to_thread(node.start)
                with haproxy(configured(nodes, ports), *ports.values()):
                    yield Cluster(nodes, primary, standby, ports)
            finally:
                for node in nodes:
                    if node.process is not None:
                        await asyncio.to_thread(node.stop)


def _node(given: list[str], options: tuple[str, ...]) -> Process:
    [mqtts] = steady_ports(1)
    more = ["--mqtts", f"127.0.0.1:{mqtts}", "--proxy-protocol", "mqtt,mqtts,download"]
    node = Process(*given, *more, *options, variables=S3_KEYS)
    node.http, node.mqtt, node.download = steady_ports(3)
    node.mqtts = mqtts  # type: ignore[attr-defined]
    return node


@contextmanager
def _kept(top: Path) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(top, ignore_errors=True)
