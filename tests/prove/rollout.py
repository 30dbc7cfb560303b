"""A server in a process of its own and a rollout to a simulated fleet, for tests that kill things."""

import asyncio
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config
from tests.scratch import proof_folder

from upwell.embedded.files import running_dsn

START_WITHIN_S = 120
CALL_WITHIN_S = 120
PORTS = (12_000, 32_000)  # below those that the system gives to connections


def steady_ports(count: int) -> list[int]:
    """Ports that are free now, and that no connection of anybody's own is given meanwhile: a server that is started
    again must have its addresses."""
    found = set[int]()
    while len(found) < count:
        port = random.randrange(*PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)


class Process:
    """`upwell serve` on fixed ports, to be killed and started again; `options` are more of its own. Another that is
    given the same `database_url` and `objects_url` is another node of one platform. With `open_files` it begins with
    that soft limit, as from an untuned shell. `broken_by` is Python that breaks the program before it begins: a proof
    must notice. `within` are the words of a command that ends in becoming the program."""

    def __init__(
        self, *options: str, open_files: int | None = None, variables: Mapping[str, str] | None = None,
        broken_by: str = "", within: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.options, self.open_files, self.variables, self.broken_by = options, open_files, variables or {}, broken_by
        self.within = within
        self.dir = proof_folder("upwell-proof-")
        self.http, self.mqtt, self.download = steady_ports(3)
        self.key = ("proof", secrets.token_hex(12))
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it says that it is ready."""
        command = [
            str(Path(sys.executable).with_name("upwell")), "serve", "--data-dir", str(self.dir / "data"),
            "--http", f"127.0.0.1:{self.http}", "--mqtt", f"127.0.0.1:{self.mqtt}",
            "--download", f"127.0.0.1:{self.download}", "--no-request-limits", *self.options,
        ]  # fmt: skip
        if self.broken_by:
            begin = f"{self.broken_by}\nfrom upwell.cli.main import main\nmain()"
            command = [sys.executable, "-c", begin, *command[1:]]
        if self.open_files is not None:
            command = ["/bin/sh", "-c", f'ulimit -Sn {self.open_files} && exec "$@"', "sh", *command]
        command = [*self.within, *command]
        env = {**os.environ, **self.variables, "UPWELL_BOOTSTRAP_KEY": ":".join(self.key)}
        log = (self.dir / "server.log").open("a")
        self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log, text=True)
        log.close()
        deadline = time.monotonic() + START_WITHIN_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the server did not start:\n" + (self.dir / "server.log").read_text()[-3000:])
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9 the server."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_postgres(self) -> int:
        """kill -9 its PostgreSQL; returns the pid that it had."""
        pid = int((self.dir / "data/postgres/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        return pid

    @property
    def dsn(self) -> str:
        """Of its own PostgreSQL, which runs."""
        found = running_dsn(self.dir / "data")
        assert found is not None, "its PostgreSQL does not run"
        return found

    def stop(self) -> int:
        """SIGTERM, and away with its files; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def client(self) -> Client:
        """The vendor's SDK, patient enough for a restart."""
        return Client(
            Config(
                access_key_id=self.key[0],
                access_key_secret=self.key[1],
                endpoint=f"127.0.0.1:{self.http}",
                protocol="HTTP",
                read_timeout=CALL_WITHIN_S * 1000,
            )
        )

    def v1(self) -> httpx.Client:
        """`/v1` with an admin's token, which is made beside the running server."""
        command = [str(Path(sys.executable).with_name("upwell")), "key", "create", "--dialect", "upwell",
                   "--role", "admin", "--data-dir", str(self.dir / "data"), "--json"]  # fmt: skip
        made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        headers = {"Authorization": f"Bearer {made['secret']}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.http}/v1", headers=headers, timeout=60)


def product_with(client: Client, count: int) -> tuple[str, list[tuple[str, str]]]:
    """A product key and `count` (name, secret) of its devices."""
    key = client.create_product(
        m.CreateProductRequest(product_name=f"proof_{secrets.token_hex(4)}", node_type=0)
    ).body.product_key
    apply_id = client.batch_register_device(m.BatchRegisterDeviceRequest(product_key=key, count=count)).body.data
    devices: list[tuple[str, str]] = []
    while len(devices) < count:
        page = client.query_page_by_apply_id(
            m.QueryPageByApplyIdRequest(
                apply_id=str(apply_id.apply_id), current_page=len(devices) // 50 + 1, page_size=50
            )
        ).body.apply_device_list.apply_device_info
        devices += [(d.device_name, d.device_secret) for d in page]
    return key, devices


def package(client: Client, product_key: str, image: bytes, version: str = "2.0.0") -> str:
    """The id of a package of that image, exempt from verification."""
    ticket = client.generate_otaupload_url(m.GenerateOTAUploadURLRequest()).body.data
    upload(ticket, image)
    return str(
        client.create_otafirmware(
            m.CreateOTAFirmwareRequest(
                firmware_name=f"fw_{secrets.token_hex(4)}",
                dest_version=version,
                firmware_url=ticket.firmware_url,
                product_key=product_key,
                need_to_verify=False,
            )
        ).body.data.firmware_id
    )


def upload(ticket: Any, image: bytes) -> None:
    """PostObject, written by hand, as Alibaba's sample client does it: no filename."""
    fields = {
        "key": ticket.key,
        "policy": ticket.policy,
        "OSSAccessKeyId": ticket.ossaccess_key_id,
        "signature": ticket.signature,
    }
    body = b"".join(
        f'--bnd\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    )
    body += b'--bnd\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + image + b"\r\n--bnd--\r\n"
    request = urllib.request.Request(ticket.host + "/", body, {"Content-Type": "multipart/form-data; boundary=bnd"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 204


async def patiently(call: Any, *arguments: Any, tries: int = 100) -> Any:
    """An SDK call in a thread, repeated while the server is away."""
    for attempt in range(tries):
        try:
            return await asyncio.to_thread(call, *arguments)
        except Exception:
            if attempt == tries - 1:
                raise
            await asyncio.sleep(0.3)
    raise AssertionError("unreachable")
