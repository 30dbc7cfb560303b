"""The command line told something wrong: one line on stderr, exit code 2, and the setting by the name it was given."""

import functools
import json
import os
import socket
from pathlib import Path

import pytest
from certificates import self_signed

from warm import Done, Warm

FREE = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--download", "127.0.0.1:0"]


@functools.cache
def _warm() -> Warm:
    return Warm({name: value for name, value in os.environ.items() if not name.startswith("UPWELL_")})


def told(*arguments: str, **environ: str) -> Done:
    return _warm().run(arguments, "", environ)


def refusal(*arguments: str, **environ: str) -> str:
    """The one line."""
    done = told(*arguments, **environ)
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and lines, done
    assert lines[-1].startswith("upwell: ") and "Traceback" not in done.stderr, done.stderr
    assert [line for line in lines if line.startswith("upwell: ")] == lines[-1:], done.stderr
    return lines[-1]


def test_a_dialect_that_is_not_registered_is_refused_by_name() -> None:
    line = refusal("key", "create", "--dialect", "klingon", "--role", "admin")
    assert "dialect: one of alibaba, tuya, huawei, upwell" in line


@pytest.mark.parametrize("setting", ["http", "mqtt", "download"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_taken_port_names_the_setting_that_was_given(tmp_path: Path, setting: str, by: str) -> None:
    """Issue 9, number 36."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["serve", "--data-dir", str(tmp_path / "data"), *FREE]
        if by == "option":
            arguments[arguments.index(f"--{setting}") + 1] = address
            line, name = refusal(*arguments), f"--{setting}"
        else:
            at = arguments.index(f"--{setting}")
            del arguments[at : at + 2]
            name = f"UPWELL_{setting.upper()}"
            line = refusal(*arguments, **{name: address})
    assert f"{name} can't listen on {address}: Address already in use" in line


def test_a_taken_port_that_follows_from_another_setting_names_that(tmp_path: Path) -> None:
    """Issue 9, number 36: nobody wrote the port of the downloads."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        places = ["--http", f"127.0.0.1:{port - 1}", "--mqtt", "127.0.0.1:0"]
        line = refusal("serve", "--data-dir", str(tmp_path / "data"), *places)
    assert f"127.0.0.1:{port}" in line and "--http" in line and "--download" in line


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a" * 70 + ".example"])
def test_a_host_that_is_none_of_this_machine(tmp_path: Path, host: str) -> None:
    """Issue 9, number 36: a name without an address, a foreign address, a name that can be none."""
    arguments = ["serve", "--data-dir", str(tmp_path / "data"), *FREE]
    arguments[arguments.index("--mqtt") + 1] = f"{host}:1883"
    said = refusal(*arguments)
    if len(host) > 63:  # the setting itself is refused
        assert f"'{host}:1883', given by --mqtt: must be HOST:PORT" in said
    else:
        assert f"--mqtt can't listen on {host}:1883" in said


@pytest.mark.parametrize("listener", ["https", "mqtts", "downloads"])
def test_a_certificate_that_is_none(tmp_path: Path, listener: str) -> None:
    """Issue 9, number 36."""
    cert, _ = self_signed(tmp_path)
    bad = tmp_path / "bad.pem"
    bad.write_text("no PEM at all")
    given = ["serve", "--data-dir", str(tmp_path / "data"), *FREE, f"--{listener}", "127.0.0.1:0"]
    line = refusal(*given, "--tls-cert", str(bad), "--tls-key", str(bad))
    assert str(bad) in line
    line = refusal(*given, "--tls-cert", str(cert), "--tls-key", str(bad))
    assert str(cert) in line or str(bad) in line
    for certificate, key in ((bad, bad), (cert, bad)):
        line = refusal(*given, "--tls-key", str(key), UPWELL_TLS_CERT=str(certificate))
        assert "given by UPWELL_TLS_CERT" in line and "_ssl.c" not in line and str(key) in line


def test_a_certificate_that_nobody_shows_yet_is_tried_too(tmp_path: Path) -> None:
    """Issue 9, number 36: it was taken without a word as long as no listener used it."""
    bad = tmp_path / "bad.pem"
    bad.write_text("no PEM at all")
    line = refusal("serve", "--data-dir", str(tmp_path / "data"), *FREE, "--tls-cert", str(bad), "--tls-key", str(bad))
    assert "--tls-cert" in line and str(bad) in line


def test_settings_from_the_environment_that_are_refused(tmp_path: Path) -> None:
    """Issue 9, number 36."""
    given = ("serve", "--data-dir", str(tmp_path / "data"), *FREE)
    assert "UPWELL_LOG" in refusal(*given, UPWELL_LOGG="x") and "log = 'x', given by UPWELL_LOG" in refusal(
        *given, UPWELL_LOG="x"
    )
    assert "UPWELL_CONFIG" in refusal(*given, UPWELL_CONFIG=str(tmp_path / "absent.toml"))
    line = refusal(*given, UPWELL_BOOTSTRAP_KEY="admin:hush")
    assert "16 characters" in line and "hush" not in line
    assert "UPWELL_DATADIR" in refusal("key", "list", UPWELL_DATADIR="x")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://me:hush@127.0.0.1:1/db", "Connection refused"),
        ("postgresql://me:hush@no-such-host.invalid/db", "database_url|database-url"),
        ("postgresql://me:hush@127.0.0.1:1/db?sslmode=nonsense", "sslmode"),
        ("mysql://me:hush@h/db", "must be postgresql"),
    ],
)
def test_a_database_that_is_not_there(tmp_path: Path, url: str, word: str) -> None:
    """Issue 9, number 36: the setting is named, the reason too, the password is not."""
    for arguments in (("serve", *FREE, "--data-dir", str(tmp_path)), ("key", "list"), ("migrate",)):
        line = refusal(*arguments, "--database-url", url)
        assert "hush" not in line and "database" in line
        assert any(each in line for each in word.split("|")), line


def test_a_wrong_database_password(tmp_path: Path, dsn: str) -> None:
    """Issue 9, number 36."""
    password = dsn.split(":")[2].split("@")[0]
    wrong = dsn.replace(password, "wrong-password")
    line = refusal("serve", *FREE, "--data-dir", str(tmp_path), "--database-url", wrong)
    assert "--database-url" in line and "password authentication failed" in line and "wrong-password" not in line


@pytest.mark.parametrize("kind", ["file", "unwritable", "below a file"])
def test_a_data_dir_that_can_be_none(tmp_path: Path, kind: str) -> None:
    """Issue 9, number 36."""
    (tmp_path / "file").touch()
    place = {"file": tmp_path / "file", "unwritable": Path("/proc/upwell"), "below a file": tmp_path / "file" / "d"}[
        kind
    ]
    assert str(place) in refusal("serve", *FREE, "--data-dir", str(place))


@pytest.mark.parametrize("url", ["file:///proc/upwell", "file:relative", "s3://bucket?colour=red"])
def test_an_objects_url_that_can_be_none(tmp_path: Path, url: str) -> None:
    """Issue 9, number 36."""
    line = refusal("serve", *FREE, "--data-dir", str(tmp_path / "data"), "--objects-url", url)
    assert "objects_url" in line and url in line


SCRIPT = {
    "host": "127.0.0.1", "port": 1883, "target_version": "2",
    "devices": [{"product_key": "p", "device_name": "d", "device_secret": "hush", "version": "1"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"port": "1883"}, "port must be a whole number"),
        ({"port": 0}, "port"),
        ({"host": "a..example"}, "no host's name"),
        ({"port": True}, "port"),
        ({"devices": {}}, "devices must be a list"),
        ({"devices": [{"product_key": "p"}]}, "lacks device_name"),
        ({"devices": ["d"]}, "devices[0] must be a JSON object"),
        ({"devices": [SCRIPT["devices"][0] | {"kind": "acme"}]}, "kind"),  # type: ignore[index]
        ({"colour": 1}, "colour"),
        ({"rates": {"mute": 2}}, "mute"),
        ({"rates": {"mute": "x"}}, "mute"),
        ({"connects_per_s": 0}, "connects_per_s"),
    ],
)
def test_a_wrong_script(change: dict[str, object], word: str) -> None:
    """Issue 9, number 36."""
    from upwell.simulator.fleet import planned

    planned(SCRIPT)
    with pytest.raises(ValueError, match=word.replace("[", r"\[").replace("]", r"\]")) as caught:
        planned(SCRIPT | change)
    assert "hush" not in str(caught.value)


def test_a_script_that_is_missing_or_no_script(tmp_path: Path) -> None:
    """Issue 9, number 36."""
    script = tmp_path / "script.json"
    assert str(script) in refusal("simulate", str(script))
    for text in ("{", "[]", json.dumps(SCRIPT | {"port": "x"})):
        script.write_text(text)
        assert str(script) in refusal("simulate", str(script))
    script.write_bytes(b"\xff\xfe")
    assert str(script) in refusal("simulate", str(script))


@pytest.mark.parametrize(
    ("name", "text"),
    [("s.csv", "id,name\nx,y\n"), ("s.csv", ""), ("s.ndjson", '{"name": "y"}\n'), ("s.ndjson", "[1]\n")],
)
def test_a_list_of_devices_that_is_none(tmp_path: Path, name: str, text: str) -> None:
    """The simulator plays what `device import --secrets` wrote, and says so of anything else."""
    (tmp_path / name).write_text(text)
    said = refusal("simulate", "--devices", str(tmp_path / name), "--product", "lamp")
    assert "device import --secrets" in said and str(tmp_path / name) in said
    assert "is no HOST:PORT" in refusal("simulate", "--devices", name, "--product", "lamp", "--mqtt", "nowhere")
    for words in ((), ("--devices", name), ("--product", "lamp"), ("x.json", "--devices", name, "--product", "lamp")):
        assert "which devices" in refusal("simulate", *words)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"duration_s": NaN}', '{"connects_per_s": Infinity}', ""])
def test_a_script_that_is_json_to_python_alone(tmp_path: Path, text: str) -> None:
    """Issue 9, number 36: each of these was a traceback, or a run that never ended."""
    script = tmp_path / "script.json"
    script.write_text(text)
    assert str(script) in refusal("simulate", str(script))
    for name in ("duration_s", "wake_after_s"):
        script.write_text(json.dumps(SCRIPT | {name: -1}))
        assert name in refusal("simulate", str(script))


def test_a_password_is_asked_for_at_a_terminal_alone() -> None:
    """Issue 9, number 36: without one it was echoed, with a warning and a code of its own."""
    assert "--password-stdin" in refusal("user", "create", "ann", "--role", "admin")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("object", "put", __file__, "--bucket", "fw", "--key", "a"), "bucket"),
        (("object", "put", __file__, "--bucket", "FIRMWARE", "--key", "a"), "bucket"),
        (("object", "put", __file__, "--bucket", "..", "--key", "a"), "bucket"),
        (("object", "list", "--bucket", "a/b"), "bucket"),
        (("object", "rm", "--bucket", "firmware", "--key", "no/such"), "no/such"),
        (("key", "create", "--dialect", "tuya", "--role", "admin", "--account", "a\nb"), "account"),
    ],
)
def test_what_no_package_and_no_list_could_name(
    tmp_path: Path, dsn: str, arguments: tuple[str, ...], word: str
) -> None:
    """Issue 9, number 36: buckets that no package can name were made, and a removal of nothing was reported as done."""
    told("migrate", "--database-url", dsn)
    told("key", "create", "--dialect", "tuya", "--role", "admin", "--database-url", dsn)
    line = refusal(*arguments, "--database-url", dsn, UPWELL_DATA_DIR=str(tmp_path))
    assert word in line
    assert not list(tmp_path.rglob("*.py"))


def test_help_and_version() -> None:
    """Issue 9, number 36: every setting with its default; `--version`."""
    done = told("serve", "--help")
    words = " ".join(done.stdout.split())
    for default in ("./upwell-data", "127.0.0.1:8686", "127.0.0.1:1883", "Default: registered", "Default: INFO"):
        assert default in words
    assert words.count("Default: ") >= 20
    assert told("--version").stdout.strip() == told("version").stdout.strip() != ""
