"""`upwell doctor` beside a server that runs, and without one."""

import asyncio
import json
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from acceptance.client import Server, _warm
from upwell.embedded.files import running_dsn

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from certificates import self_signed

VENDORS = ["alibaba", "tuya", "huawei"]


def asked(*options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the last finding of each thing."""
    done = _warm().run(["doctor", "--json", *options], "")
    assert "Traceback" not in done.stderr, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    grades = [each["grade"] for each in found]
    assert done.returncode == (1 if "fault" in grades else 0), done
    assert all("do" in each for each in found if each["grade"] != "ok"), found
    return done.returncode, {each["about"]: each for each in found}


def at(server: Server) -> list[str]:
    return [
        "--data-dir",
        str(server.data_dir),
        "--http",
        server.http,
        "--mqtt",
        server.mqtt,
        "--download",
        server.download,
    ]


def test_a_sound_server_updates_a_device_of_each_vendor(server: Server) -> None:
    code, found = asked(*at(server), "--probe")
    faults = {about: each for about, each in found.items() if each["grade"] == "fault"}
    assert code == 0 and not faults, faults
    assert found["server"]["fact"] == "it runs, and is ready"
    for about in ("database", "schema", "clock", "objects", "listener http", "listener mqtt", "listener download"):
        assert found[about]["grade"] == "ok", found[about]
    for vendor in VENDORS:
        assert found[f"probe {vendor}"]["fact"].endswith("downloaded it, and succeeded"), found
    assert found["public URL"]["grade"] == "warning", "it is this machine alone"
    keys = [line for line in server.run("key", "list").splitlines() if "upwell-doctor" in line]
    assert keys and all("revoked" in line for line in keys), "what it asked by is of no use afterwards"


def test_connections_that_postgresql_would_not_give_are_told(server: Server) -> None:
    """More workers than it has room for; and a role that may have few."""
    told = asked(*at(server))[1]["connections"]
    assert told["grade"] == "ok" and "1 process of a server opens " in told["fact"], told
    told = asked(*at(server), "--workers", "40")[1]["connections"]
    assert told["grade"] == "warning" and "40 processes of a server open " in told["fact"], told
    assert "max_connections" in told["do"] and "--workers" in told["do"], told
    dsn = running_dsn(server.data_dir)
    assert dsn is not None
    asyncio.run(_done(dsn, "create role thrifty login password 'x' connection limit 5 in role pg_read_all_data"))
    try:
        plain = urlsplit(dsn)._replace(netloc="thrifty:x@").geturl()
        told = asked(*at(server)[2:], "--database-url", plain)[1]["connections"]
        assert told["grade"] == "warning" and "of 5 that may be" in told["fact"], told
    finally:
        asyncio.run(_done(dsn, "drop role thrifty"))


async def _done(dsn: str, statement: str) -> None:
    conn = await asyncpg.connect(dsn)
    await conn.execute(statement)
    await conn.close()


def test_what_is_wrong_is_told_with_what_to_do(server: Server, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        taken = f"127.0.0.1:{foreign.getsockname()[1]}"
        code, found = asked(
            "--data-dir", str(tmp_path / "nothing"), "--http", taken, "--mqtt", "192.0.2.1:1883",
            "--download", "127.0.0.1:0",
            "--downloads", "127.0.0.1:0", "--tls-cert", str(cert), "--tls-key", str(key),
            "--public-url", "http://no-such-host.invalid", "--public-tls-url", "https://firmware.example.com",
        )  # fmt: skip
    assert code == 1 and not (tmp_path / "nothing").exists(), "it makes nothing"
    facts = {about: each["fact"] for about, each in found.items() if each["grade"] == "fault"}
    assert "`upwell serve` makes one" in facts["database"]
    assert facts["listener http"] == f"something else listens on {taken}"
    assert "192.0.2.1:1883 can't be listened on" in facts["listener mqtt"]
    assert "firmware.example.com" in facts["certificate for devices"]
    assert "no-such-host.invalid has no address" in facts["public URL"]
    assert found["listener download"]["grade"] == "warning", "any free port is none that devices know"


def test_a_certificate_that_has_not_begun_or_is_for_others(tmp_path: Path) -> None:
    """Of either of the two that devices may be shown; names are the same in any case."""
    early = issued(tmp_path / "early", ["FIRMWARE.example.com"], begins_in_days=3)
    other, wild = issued(tmp_path / "other", ["example.org"]), issued(tmp_path / "wild", ["*.Example.com"])
    secure = ["--data-dir", str(tmp_path / "none"), "--downloads", "127.0.0.1:0"]
    secure += ["--public-tls-url", "https://firmware.example.com"]
    first, second = ["--tls-cert", "--tls-key"], ["--device-tls-cert", "--device-tls-key"]

    def told(**pairs: tuple[Path, Path]) -> dict[str, dict[str, Any]]:
        options = {"first": first, "second": second}
        words = [
            w
            for at, pair in pairs.items()
            for option, f in zip(options[at], pair, strict=True)
            for w in (option, str(f))
        ]
        return asked(*secure, *words)[1]

    begun = told(first=early)
    assert begun["certificate of --tls-cert"]["grade"] == "fault"
    assert "it begins" in begun["certificate of --tls-cert"]["fact"]
    assert begun["certificate for devices"]["grade"] == "ok", "a name in capitals is the name"
    assert told(first=wild)["certificate for devices"]["grade"] == "ok"
    second_of_other = told(first=wild, second=other)["certificate for devices"]
    assert "--device-tls-cert is for example.org" in second_of_other["fact"]


def issued(folder: Path, names: list[str], begins_in_days: int = -1) -> tuple[Path, Path]:
    """The files of a certificate that signs itself, and of its key."""
    folder.mkdir()
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    nobody = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    made = x509.CertificateBuilder(
        nobody, nobody, key.public_key(), 1, now + timedelta(days=begins_in_days), now + timedelta(days=90)
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    (folder / "cert").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key").write_bytes(key.private_bytes(*plain))
    return folder / "cert", folder / "key"


def test_folders_that_can_not_be_made_and_keys_that_can_not_be_read(tmp_path: Path) -> None:
    """Before there is a database too, and in one line each."""
    (tmp_path / "file").touch()
    where = ["--data-dir", str(tmp_path / "none" / "of" / "it")]
    below = asked(*where, "--objects-url", f"file://{tmp_path}/file/objects")[1]["disk of the objects"]
    assert "can't be made" in below["fact"] and below["grade"] == "fault"
    long = asked(*where, "--objects-url", f"file://{tmp_path}/{'a' * 300}")[1]
    assert "File name too long" in long["disk of the objects"]["fact"]
    assert "File name too long" in long["objects"]["fact"]
    full = asked(*where, "--disk-floor-mb", "9000000")[1]["disk of the database"]
    assert (full["grade"], full["do"]) == ("fault", "make room, or move it to a larger disk")
    readable = tmp_path / "key"
    readable.write_text("x")
    readable.chmod(0o644)
    assert "chmod 600" in asked(*where, "--secret-key-file", str(readable))[1]["secrets"]["fact"]
    assert "can't be run" in asked(*where, "--secret-key-command", "/no/such/program")[1]["secrets"]["fact"]


@pytest.mark.parametrize("nowhere", ["http://0.0.0.0", "http://169.254.1.1", "http://[fe80::1]", "http://224.0.0.1"])
def test_a_public_url_that_is_nobodys(tmp_path: Path, nowhere: str) -> None:
    found = asked("--data-dir", str(tmp_path / "none"), "--public-url", nowhere)[1]["public URL"]
    assert found["grade"] == "fault" and "no server's address" in found["fact"]


def test_a_cache_of_objects_is_told_of_where_there_is_one(tmp_path: Path) -> None:
    remote = ["--data-dir", str(tmp_path), "--objects-url", "s3://bucket/p?endpoint=http://127.0.0.1:9&region=r"]
    assert "is not there yet" in asked(*remote)[1]["object cache"]["fact"]
    folder = tmp_path / "object-cache"
    folder.mkdir()
    (folder / ("a" * 64)).write_bytes(b"x" * 3_000_000)
    found = asked(*remote, "--object-cache-mb", "7")[1]["object cache"]
    assert (found["grade"], found["fact"]) == ("ok", f"3 MB of at most 7 are in {folder}")
    full = asked(*remote, "--disk-floor-mb", "9000000")[1]["object cache"]
    assert full["grade"] == "warning" and "make room" in full["do"]
    assert "object cache" not in asked("--data-dir", str(tmp_path))[1]
    assert "object cache" not in asked(*remote, "--object-cache-mb", "0")[1]


def test_a_server_elsewhere_than_its_settings_say(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = f"127.0.0.1:{other.getsockname()[1]}"
    options = at(server)
    options[options.index("--mqtt") + 1] = free
    code, found = asked(*options)
    assert code == 1 and found["listener mqtt"]["fact"] == f"nothing listens on {free}, though the server runs"


@pytest.mark.parametrize("word", ["FAULT", "do:", "things were looked at"])
def test_people_are_told_in_words(tmp_path: Path, word: str) -> None:
    done = _warm().run(["doctor", "--data-dir", str(tmp_path / "none")], "")
    assert done.returncode == 1 and word in done.stdout
