"""`upwell serve` with every listener that devices have: what OpenSSL's client agrees on, a real MQTT client over
WebSocket, and certificates and log that change under a running server."""

import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from tests.imitations.c4 import C4

from acceptance.client import UPWELL, Server, new_device, new_package, new_product, new_sdk, serve, until
from acceptance.tls import certificate, free_port

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-linkkit" / "bin" / "python"
PAHO = Path(__file__).with_name("paho_device.py")
DEVICE_LISTENERS = ("mqtts", "mqtt-wss", "downloads")


def listeners(cert: Path, key: Path, *names: str) -> tuple[dict[str, int], list[str]]:
    """Their ports, and the options that open them."""
    ports = {name: free_port() for name in names}
    options = [word for name, port in ports.items() for word in (f"--{name}", f"127.0.0.1:{port}")]
    return ports, [*options, "--tls-cert", str(cert), "--tls-key", str(key)]


def agreed(port: int, *options: str) -> str:
    """The cipher that OpenSSL's client gets; "" when the handshake fails."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30).stdout
    found = re.search(r"^New, \S+ Cipher is (\S+)$", said, re.MULTILINE)
    return found[1] if found and found[1] != "(NONE)" else ""


def log_of(server: Server) -> str:
    return (server.data_dir / "serve.log").read_text()


@pytest.mark.parametrize(("kind", "manner"), [("rsa", "compatible"), ("rsa", "modern"), ("ecdsa", "compatible")])
def test_what_c_sdks_agree_on(tmp_path: Path, kind: str, manner: str) -> None:
    """Issue 9, number 7: every device listener does, and management never; without an RSA key the start says so."""
    cert, key = certificate(tmp_path, kind)
    ports, options = listeners(cert, key, *DEVICE_LISTENERS, "https")
    more = [] if manner == "compatible" else ["--device-tls", manner]
    with serve(*options, *more) as server:
        for name, port in ports.items():
            serves_c = name in DEVICE_LISTENERS and (kind, manner) == ("rsa", "compatible")
            for cipher in ("AES256-SHA256", "AES128-SHA"):
                got = agreed(port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
                assert got == (cipher if serves_c else ""), (name, cipher)
            better = agreed(port, "-tls1_2", "-cipher", "AES256-SHA256:ECDHE+AESGCM:@SECLEVEL=0")
            assert better.startswith("ECDHE-"), name
            assert agreed(port, "-tls1_3"), name
        warnings = [line for line in log_of(server).splitlines() if "exchange keys by RSA" in line]
        assert len(warnings) == (kind == "ecdsa")
        assert all(str(cert) in line and "--device-tls-cert" in line for line in warnings)
        assert "tls handshake failed: peer=127.0.0.1:" in log_of(server) or (kind, manner) == ("rsa", "compatible")


@pytest.mark.parametrize(("listener", "path"), [("mqtt-ws", "/mqtt"), ("mqtt-wss", "/")])
def test_paho_over_websocket_is_taken_to_2_0_0(tmp_path: Path, listener: str, path: str) -> None:
    """Issue 9, number 19: a real client, in the clear and by TLS."""
    image = random.Random(19).randbytes(100_001)
    cert, private = certificate(tmp_path, "rsa")
    ports, options = listeners(cert, private, listener)
    with serve(*options) as server, ExitStack() as stack:
        sdk = new_sdk(server.http, server.admin)
        key = new_product(sdk)
        name, secret = new_device(sdk, key)
        firmware = new_package(sdk, key, image, need_to_verify=False)
        ca = str(cert) if listener == "mqtt-wss" else "-"
        process = subprocess.Popen(
            [PYTHON, PAHO, str(ports[listener]), path, ca, key, name, secret],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.enter_context(process)
        stack.callback(process.kill)
        assert process.stdout is not None and process.stdin is not None
        assert json.loads(process.stdout.readline()) == {"what": "connected", "rc": 0}
        asked = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=key, target_selection="SPECIFIC", target_device_name=[name]
        )
        shown = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
        until(lambda: sdk.query_device_detail(shown).body.data, lambda d: d.firmware_version == "1.0.0")
        job = str(sdk.create_otastatic_upgrade_job(asked).body.data.job_id)
        said = [json.loads(line) for line in (process.stdout.readline() for _ in range(3))]
        assert [each["what"] for each in said] == ["pushed", "downloaded", "updated"]
        assert said[1] == {"what": "downloaded", "size": len(image), "same": True}
        tasks = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)
        [task] = until(
            lambda: sdk.list_otatask_by_job(tasks).body.data.simple_otatask_info,
            lambda found: found[0].task_status == "SUCCEEDED",
        )
        assert (task.task_status, task.src_version, task.dest_version) == ("SUCCEEDED", "1.0.0", "2.0.0")
        process.stdin.close()
        assert process.wait(20) == 0


def shown(port: int) -> bytes:
    """The certificate that a listener shows, whether anybody trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 20) as plain, context.wrap_socket(plain) as wrapped:
        return wrapped.getpeercert(binary_form=True) or b""


def der(cert: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(cert.read_text())


def eventually(holds: Callable[[], Any], seconds: float = 20) -> None:
    until(lambda: bool(holds()), lambda held: held, seconds)
    assert holds()


def put(source: tuple[Path, Path], target: tuple[Path, Path]) -> None:
    for one, other in zip(source, target, strict=True):
        other.write_bytes(one.read_bytes())


def test_a_hangup_reloads_and_ends_nothing(tmp_path: Path) -> None:
    """Issue 9, number 32: new certificates on every listener, the log in a new file, and connections stay."""
    folders = {name: tmp_path / name for name in ("live", "first", "second", "third")}
    for folder in folders.values():
        folder.mkdir()
    first, second, third = (certificate(folders[name], "rsa") for name in ("first", "second", "third"))
    live = folders["live"] / "cert.pem", folders["live"] / "key.pem"
    put(first, live)
    log = tmp_path / "upwell.log"
    ports, options = listeners(*live, *DEVICE_LISTENERS, "https")

    def told(text: str) -> int:
        return sum(text in line for line in log.read_text().splitlines())

    with serve(*options, "--log-file", str(log)) as server:
        sdk = new_sdk(server.http, server.admin)
        key = new_product(sdk)
        name, secret = new_device(sdk, key)
        trusting = ssl.create_default_context(cafile=str(live[0]))
        device = C4(f"127.0.0.1:{ports['mqtts']}", key, name, secret, trusting)
        device.connect()

        put(second, live)
        assert {shown(port) for port in ports.values()} == {der(first[0])}
        log.rename(tmp_path / "upwell.log.1")
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: {shown(port) for port in ports.values()} == {der(second[0])})
        assert told("certificates for management loaded") == told("certificates for devices loaded") == 1
        assert "reloading" not in (tmp_path / "upwell.log.1").read_text()

        whole = live[0].read_bytes()
        for broken in (
            lambda: live[1].write_bytes(third[1].read_bytes()),  # another key
            lambda: live[0].write_bytes(whole[: len(whole) // 2]),
            lambda: live[0].unlink(),
        ):
            put(second, live)
            broken()
            before = told("the old ones stay")
            os.kill(server.pid, signal.SIGHUP)
            eventually(lambda before=before: told("the old ones stay") == before + 1)
            assert told("certificates for management and devices not loaded, the old ones stay: ") == before + 1
            assert {shown(port) for port in ports.values()} == {der(second[0])}

        put(third, live)  # nobody says so
        eventually(lambda: {shown(port) for port in ports.values()} == {der(third[0])}, 60)

        device.report_version("1.0.7")
        asked = m.QueryDeviceDetailRequest(product_key=key, device_name=name)
        until(lambda: sdk.query_device_detail(asked).body.data, lambda d: d.firmware_version == "1.0.7")
        assert sdk.query_device_detail(asked).body.data.firmware_version == "1.0.7"
        assert "Traceback" not in log.read_text()
        device.mqtt.close()


def test_a_hangup_without_tls_and_without_a_log_file_ends_nothing() -> None:
    """Issue 9, number 32: it killed the server."""
    with serve() as server:
        for _ in range(3):
            os.kill(server.pid, signal.SIGHUP)
            time.sleep(0.05)
        assert server.run("key", "list")
        eventually(lambda: log_of(server).count("reloading certificates") >= 1)


@pytest.mark.parametrize("broken", ["garbage", "other-key", "encrypted"])
def test_a_bad_certificate_at_the_start_is_one_line(tmp_path: Path, broken: str) -> None:
    """Issue 9, number 32: the same files at the start; a passphrase is never asked for."""
    cert, key = certificate(tmp_path)
    if broken == "garbage":
        cert.write_text("-----BEGIN CERTIFICATE-----\nnot\n-----END CERTIFICATE-----\n")
    elif broken == "other-key":
        (tmp_path / "other").mkdir()
        key = certificate(tmp_path / "other")[1]
    else:
        command = ["openssl", "ec", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(tmp_path / "e.pem")]
        subprocess.run(command, check=True, capture_output=True)
        key = tmp_path / "e.pem"
    options = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--https", "127.0.0.1:0"]
    done = subprocess.run(
        [UPWELL, "serve", "--data-dir", str(tmp_path / "data"), *options,
         "--tls-cert", str(cert), "--tls-key", str(key)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and str(cert) in done.stderr, done.stderr
    assert not (tmp_path / "data").exists()  # before anything was begun
