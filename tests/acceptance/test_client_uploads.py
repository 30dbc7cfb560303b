"""Uploads in parts and lists of devices by the client, against a real server over a wire that is cut: what arrives is
what was read, what was there is not sent again, and what changed meanwhile is told."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.client import Server, unique
from acceptance.cutting import Cutter
from upwell.client import AsyncClient, Client, Retries, Unreachable, UploadFailed

KB = 1024
PART = 64 * KB
DATA = os.urandom(5 * PART + 77)
QUICK = Retries(count=4, first_s=0.02, most_s=0.1)


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.new_key("sending", "admin", "upwell").secret


@pytest.fixture
def wire(server: Server) -> Iterator[Callable[..., Cutter]]:
    made: list[Cutter] = []

    def cut(*at: int) -> Cutter:
        host, _, port = server.http.rpartition(":")
        made.append(Cutter((host, int(port)), dict.fromkeys(at)))
        return made[-1]

    yield cut
    for each in made:
        each.close()


def client(where: Cutter, token: str) -> Client:
    return Client(f"http://{where.address}", token, retries=QUICK)


def test_what_is_cut_goes_on_and_is_whole(wire: Callable[..., Cutter], token: str) -> None:
    cut, seen = wire(40 * KB, 100 * KB, 200 * KB), list[tuple[int, int]]()
    with client(cut, token) as v1:
        told = v1.upload(io.BytesIO(DATA), part_size=PART, progress=lambda done, of: seen.append((done, of)))
    assert (cut.resets, cut.left) == (3, 0) and told["status"] == "complete"
    assert told["sha256"] == hashlib.sha256(DATA).hexdigest() and told["size"] == len(DATA)
    assert cut.sent < len(DATA) + 4 * PART  # a cut costs a part
    assert seen[-1] == (len(DATA), len(DATA)) and all(0 <= done <= of for done, of in seen)


def test_another_run_goes_on_where_one_was_left(wire: Callable[..., Cutter], token: str, tmp_path: Path) -> None:
    """What is there already is read and not sent."""
    path, begun = tmp_path / "fw.bin", list[str]()
    path.write_bytes(DATA)

    class Left(Exception):
        pass

    def leave(done: int, of: int) -> None:
        if done > 3 * PART:
            raise Left

    with client(wire(), token) as v1, path.open("rb") as file, pytest.raises(Left):
        v1.upload(file, part_size=PART, progress=leave, began=begun.append)
    again = wire()  # a wire of its own: what was on the first as it was left still arrives there
    with client(again, token) as v1, path.open("rb") as file:
        told = v1.upload(file, upload_id=begun[0])
    assert told["id"] == begun[0] and told["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert again.sent < len(DATA) - 2 * PART


def test_what_is_another_file_is_told(wire: Callable[..., Cutter], token: str) -> None:
    with client(wire(), token) as v1:
        with pytest.raises(UploadFailed, match="empty"):
            v1.upload(io.BytesIO(b""))
        upload = v1.create_upload(size=len(DATA), part_size=PART)
        with pytest.raises(UploadFailed, match=f"of {len(DATA)} bytes, and this one has 3"):
            v1.upload(io.BytesIO(b"abc"), upload_id=upload["id"])
        v1.put_upload_part(upload["id"], 1, DATA[:PART])
        changed = bytes(PART) + DATA[PART:]  # a part that is there is another one's: it is sent in its place
        assert v1.upload(io.BytesIO(changed), upload_id=upload["id"])["sha256"] == hashlib.sha256(changed).hexdigest()
        reader, writer = os.pipe()
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe, pytest.raises(UploadFailed, match="copy it to disk"):
            v1.upload(pipe)


def test_a_server_that_stays_away_is_given_up(wire: Callable[..., Cutter], token: str) -> None:
    cut = wire(40 * KB)
    with client(cut, token) as v1:
        v1.list_products(limit=1).page()
        cut.target = ("127.0.0.1", 1)
        with pytest.raises(Unreachable):
            v1.upload(io.BytesIO(DATA), part_size=PART, patience_s=0.2)


def test_lists_go_in_and_out(wire: Callable[..., Cutter], token: str) -> None:
    """A list whose sending is cut comes again under its key, and makes one import."""
    rows = "".join(f"lamp-{n},room=r{n}\n" for n in range(3000))
    cut = wire(30 * KB)
    with client(cut, token) as v1:
        product = v1.create_product(name=unique("listed"))["id"]
        made = v1.create_import(product_id=product, file=io.BytesIO(f"name,tags\n{rows}".encode()))
        while made["status"] == "running":
            made = v1.show_import(made["id"])
        assert (made["status"], made["made"], made["refused"], cut.resets) == ("done", 3000, 0, 1)
        assert [each["id"] for each in v1.list_imports(product_id=product)] == [made["id"]]
        with closing(v1.list_import_devices(made["id"], format="csv")) as pieces:  # type: ignore[type-var]
            secrets = b"".join(pieces).decode().splitlines()
        assert secrets[0] == "id,name,secret" and len(secrets) == 3001
        told = b"".join(v1.export_devices(product_id=product, format="ndjson"))
        assert told.count(b"\n") == 3000 and b"secret" not in told


async def test_awaited_the_same(wire: Callable[..., Cutter], token: str) -> None:
    cut = wire(100 * KB)
    async with AsyncClient(f"http://{cut.address}", token, retries=QUICK) as v1:
        told = await v1.upload(io.BytesIO(DATA), part_size=PART)
        assert told["sha256"] == hashlib.sha256(DATA).hexdigest() and cut.resets == 1
        product = (await v1.create_product(name=unique("awaited")))["id"]
        made = await v1.create_import(product_id=product, file=io.BytesIO(b'{"name": "one"}\n'), format="ndjson")
        while made["status"] == "running":
            made = await v1.show_import(made["id"])
        assert b"".join([piece async for piece in v1.export_devices(product_id=product)]).count(b"\n") == 2
