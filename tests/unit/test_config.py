"""The settings: where they come from, and every refusal names setting, value and rule."""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scratch import scratch
from upwell.cli.described import DESCRIBED
from upwell.config import SETTINGS, BootstrapKey, Settings
from upwell.config.addresses import HostPort
from upwell.config.loading import load
from upwell.config.sources import SWITCHES, SettingError, toml_path
from upwell.domain.errors import CallerError


def of(**options: str | None) -> Settings:
    return load(options, {}, None)


def test_defaults() -> None:
    settings = of()
    assert settings.data_dir == Path("upwell-data")
    assert settings.http == HostPort("127.0.0.1", 8686)
    assert settings.mqtt == HostPort("127.0.0.1", 1883)
    assert settings.download == HostPort("127.0.0.1", 8687)
    assert settings.public_url == "http://127.0.0.1:8687"
    assert (settings.mqtts, settings.https, settings.tls_cert, settings.tls_key) == (None, None, None, None)
    assert (settings.database_url, settings.objects_url, settings.bootstrap_key) == (None, None, None)


def test_any_listener_that_is_not_needed_may_be_off(tmp_path: Path) -> None:
    settings = load({"mqtt": "off", "mqtts": "off", "https": "off"}, {}, None)
    assert (settings.mqtt, settings.mqtts, settings.https) == (None, None, None)
    for needed in ("http", "download"):
        with pytest.raises(SettingError):
            load({needed: "off"}, {}, None)


def test_option_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    toml = tmp_path / "upwell.toml"
    toml.write_text('http = "127.0.0.1:1001"\nmqtt = "127.0.0.1:1002"\ndata-dir = "from-file"\n')
    environ = {"UPWELL_HTTP": "127.0.0.1:2001", "UPWELL_MQTT": "127.0.0.1:2002", "UPWELL_DOWNLOAD": ""}
    settings = load({"http": "127.0.0.1:3001", "mqtt": None}, environ, toml)
    assert settings.http.port == 3001
    assert settings.mqtt.port == 2002
    assert settings.data_dir == Path("from-file")
    assert settings.download.port == 3002


def test_switches_of_tuya(tmp_path: Path) -> None:
    assert (of().tuya_bare_secret, of().tuya_wrapped_lists) == (False, False)
    toml = tmp_path / "upwell.toml"
    toml.write_text("tuya-bare-secret = true\ntuya_wrapped_lists = true\n")
    settings = load({"tuya_wrapped_lists": "false"}, {"UPWELL_TUYA_BARE_SECRET": "true"}, toml)
    assert (settings.tuya_bare_secret, settings.tuya_wrapped_lists) == (True, False)
    assert load({}, {}, toml).tuya_wrapped_lists
    with pytest.raises(
        SettingError, match="tuya_bare_secret = 'yes', given by --tuya-bare-secret: must be true or false"
    ):
        of(tuya_bare_secret="yes")


def test_traces(tmp_path: Path) -> None:
    assert (of().otlp, of().otlp_sample, of(otlp="off").otlp) == (None, 0.1, None)
    assert of(otlp="https://[::1]:4318/tenant", otlp_sample="1").otlp == "https://[::1]:4318/tenant"
    toml = tmp_path / "upwell.toml"
    toml.write_text('otlp = "http://h:4318"\notlp-sample = 0.25\n')
    assert load({}, {}, toml).otlp_sample == 0.25
    toml.write_text('otlp = "http://h:4318"\notlp-sample = true\n')
    with pytest.raises(SettingError, match="must be a share from 0 to 1"):
        load({}, {}, toml)
    toml.write_text('otlp = "http://h:4318"\notlp-sample = []\n')
    with pytest.raises(SettingError, match="must be a number in"):
        load({}, {}, toml)
    with pytest.raises(SettingError, match="given by --otlp-sample: needs otlp beside it"):
        of(otlp_sample="0.5")


@pytest.mark.parametrize("value", ["2", "-1", "1.1", "0,1", "10%", "nan", "", "1e-3"])
def test_shares_that_are_refused(value: str) -> None:
    with pytest.raises(SettingError, match="must be a share from 0 to 1"):
        of(otlp="http://h:4318", otlp_sample=value)


@pytest.mark.parametrize(
    "value",
    ["127.0.0.1:4318", "grpc://h:4317", "http://", "http://h:x", "http://h:0", "http://h/?a=b", "http://h/ b", "h", ""],
)
def test_collectors_that_are_refused(value: str) -> None:
    with pytest.raises(SettingError, match="must be http://HOST"):
        of(otlp=value)


def test_a_collectors_password_is_not_shown() -> None:
    with pytest.raises(SettingError, match="OTEL_EXPORTER_OTLP_HEADERS") as told:
        of(otlp="http://who:pass-word@h:4318")
    assert "pass-word" not in str(told.value)


PROJECT = "0123456789abcdef" * 2


def test_buckets_by_option_environment_and_file(tmp_path: Path) -> None:
    assert of().buckets == {}
    given = (
        f"cn-north-4/firmware=file:///srv/fw,*/other=s3://bkt?endpoint=http://h:1&region=r,{PROJECT}:*/own=file:///own"
    )
    expected = {
        "cn-north-4/firmware": "file:///srv/fw",
        "*/other": "s3://bkt?endpoint=http://h:1&region=r",
        f"{PROJECT}:*/own": "file:///own",
    }
    assert of(buckets=given).buckets == expected
    assert load({}, {"UPWELL_BUCKETS": given}, None).buckets == expected
    toml = tmp_path / "upwell.toml"
    toml.write_text("[buckets]\n" + "".join(f'"{name}" = "{url}"\n' for name, url in expected.items()))
    assert load({}, {}, toml).buckets == expected
    assert of(buckets="r/abc=file:///a,b/c,d").buckets == {"r/abc": "file:///a,b/c,d"}


@pytest.mark.parametrize(
    "value",
    [
        "firmware=file:///x",
        "r/ab=file:///x",
        "r/ABC=file:///x",
        "r_1/abc=file:///x",
        "r/abc",
        "r/abc=",
        "r/abc=/plain",
        "r/abc=http://h/",
        "acme:r/abc=file:///x",
        "r/abc=file:///x,r/abc=file:///y",
    ],
)
def test_buckets_that_are_refused(value: str) -> None:
    with pytest.raises(SettingError, match="setting buckets"):
        of(buckets=value)


@pytest.mark.parametrize(
    ("public_url", "port", "secure"),
    [
        ("http://fw.example:8687", 8688, "https://fw.example:8688"),
        ("http://fw.example", 8688, "https://fw.example:8688"),
        ("http://[::1]:8687", 8688, "https://[::1]:8688"),
        ("https://fw.example", None, "https://fw.example"),
        ("https://fw.example:444", 8688, "https://fw.example:444"),
        ("http://fw.example", None, None),
        ("http://fw.example:81/down/here", 8688, "https://fw.example:8688/down/here"),
        ("http://fw.example/here", 8688, "https://fw.example:8688/here"),
    ],
)
def test_what_devices_are_told_that_know_only_tls(public_url: str, port: int | None, secure: str | None) -> None:
    assert of(public_url=public_url).secure_url_at(port) == secure


def test_a_public_url_for_tls_and_paths() -> None:
    """Issue 9, number 8: a second public URL, for TLS; both may have a path, which a proxy may keep."""
    settings = of(public_url="http://fw.example/ota-files/", public_tls_url="https://tls.example/v2/fw")
    assert settings.public_url_at(8687) == "http://fw.example/ota-files"
    assert settings.secure_url_at(8688) == settings.secure_url_at(None) == "https://tls.example/v2/fw"
    assert settings.public_paths == ("/ota-files", "/v2/fw")
    assert of(public_url="http://fw.example").public_paths == ()


def test_a_second_certificate_needs_a_first(tmp_path: Path) -> None:
    """Issue 9, number 7."""
    one = tmp_path / "one.pem"
    one.touch()
    pair = {"device_tls_cert": str(one), "device_tls_key": str(one)}
    with pytest.raises(SettingError, match="needs tls_cert beside it"):
        of(**pair)
    with pytest.raises(SettingError, match="needs device_tls_key beside it"):
        of(tls_cert=str(one), tls_key=str(one), device_tls_cert=str(one))
    assert of(tls_cert=str(one), tls_key=str(one), **pair).device_tls_cert == one
    assert (of().device_tls, of(device_tls="modern").device_tls) == ("compatible", "modern")


def test_port_zero_is_any_free_port_and_public_url_learns_it() -> None:
    settings = of(http="127.0.0.1:0")
    assert settings.download == HostPort("127.0.0.1", 0)
    assert settings.public_url_at(4321) == "http://127.0.0.1:4321"
    assert of(public_url="https://ota.example:8443/").public_url_at(4321) == "https://ota.example:8443"


def test_ipv6_listener_keeps_its_brackets() -> None:
    settings = of(http="[::1]:8000")
    assert str(settings.http) == "[::1]:8000"
    assert settings.public_url == "http://[::1]:8001"


def test_wildcard_listener_is_not_told_to_devices() -> None:
    assert "0.0.0.0" not in of(http="0.0.0.0:8686").public_url


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("http", "8686"),
        ("http", "127.0.0.1:65536"),
        ("http", ":8686"),
        ("http", "::1:80"),
        ("http", "127.0.0.1:65535"),
        ("mqtt", "host:mqtt"),
        ("mqtt", "127.0.0.1:8686"),
        ("download", ""),
        ("mqtts", "127.0.0.1:8883"),
        ("https", "127.0.0.1:8443"),
        ("downloads", "127.0.0.1:8444"),
        ("allow_private_push", "yes"),
        ("tls_cert", "/nonexistent.pem"),
        ("data_dir", ""),
        ("public_url", "ftp://host"),
        ("public_url", "http://host//path"),
        ("public_url", "http://host/a/../b"),
        ("public_url", "http://host/a b"),
        ("public_url", "http://host/" + "a" * 64),
        ("public_tls_url", "http://host"),
        ("device_tls", "old"),
        ("mqtt_wss", "127.0.0.1:8884"),
        ("mqtt_ws", "127.0.0.1:8686"),
        ("log_file", "/nonexistent/upwell.log"),
        ("public_url", "http://host:99999"),
        ("public_url", "http://host..example"),
        ("public_url", f"http://{'a' * 64}.example"),
        ("http", "host..example:8686"),
        ("mqtt", f"{'a' * 64}:1883"),
        ("public_url", "http://host?x=1"),
        ("database_url", "mysql://host/db"),
        ("database_url", "postgresql:host"),
        ("database_url", "postgresql://host:port/db"),
        ("objects_url", "gs://bucket"),
        ("objects_url", "s3://"),
        ("objects_url", "file:"),
        ("colour", "red"),
    ],
)
def test_refusal_names_setting_value_and_rule(setting: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({setting: value}, {}, None)
    error = caught.value
    assert isinstance(error, CallerError)
    assert (error.setting, error.value) == (setting, value)
    assert error.rule
    for part in (setting, repr(value), error.rule):
        assert part in str(error)


AS_ANOTHER = """
import json, os, sys
from upwell.config.loading import load
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
load(json.loads(sys.argv[1]), {}, None)
"""


def as_another(**options: str) -> str:
    """How these options are refused to somebody who is not root, and to whom what root has is closed."""
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, json.dumps(options)], cwd="/", capture_output=True, text=True, check=False
    )
    return done.stderr.strip().rpartition("\n")[2]


def test_a_data_dir_of_another_user_is_refused_by_whose_it_is() -> None:
    """Every command that reads it says so, in one line; with a database of one's own nothing is looked for in it."""
    top = scratch("upwell-config-")
    top.chmod(0o755)
    (closed := top / "data").mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    try:
        whose = f"can't be entered by this user: it is {pwd.getpwuid(os.geteuid()).pw_name}'s"
        assert whose in as_another(data_dir=str(closed))
        assert as_another(data_dir=str(closed), database_url="postgresql://u@h/d") == ""
        assert as_another(data_dir=str(top / "none")) == ""
        log = as_another(data_dir=str(top / "none"), log_file=str(closed / "logs" / "upwell.log"))
        assert "can't be looked at: Permission denied" in log
    finally:
        closed.chmod(0o700)
        shutil.rmtree(top)


@pytest.mark.parametrize("url", ["file:/srv/objects", "file:objects", "file:///srv/objects", "s3://bucket/a/b"])
def test_objects_url_accepted(url: str) -> None:
    assert of(objects_url=url).objects_url == url


def test_tls_listeners_with_both_files(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    with pytest.raises(SettingError, match="readable file"):
        of(mqtts="127.0.0.1:8883", tls_cert=str(cert), tls_key=str(key))
    key.touch()
    settings = of(mqtts="127.0.0.1:8883", tls_cert=str(cert), tls_key=str(key))
    assert (settings.mqtts, settings.tls_cert, settings.tls_key) == (HostPort("127.0.0.1", 8883), cert, key)
    with pytest.raises(SettingError, match="tls_key"):
        of(tls_cert=str(cert))


@pytest.mark.parametrize(
    "text", ['colour = "red"', 'bootstrap_key = "id:hush"', "http = 8686", "http = ", '"data-dir"="a"\ndata_dir="b"']
)
def test_bad_file_refused(tmp_path: Path, text: str) -> None:
    toml = tmp_path / "upwell.toml"
    toml.write_text(text)
    with pytest.raises(SettingError) as caught:
        load({}, {}, toml)
    assert "upwell.toml" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_missing_file_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="readable TOML"):
        load({}, {}, tmp_path / "absent.toml")


def test_bootstrap_key_comes_from_the_environment_alone() -> None:
    key = load({}, {"UPWELL_BOOTSTRAP_KEY": "admin:a:secret-of-length"}, None).bootstrap_key
    assert key == BootstrapKey("admin", "a:secret-of-length")
    assert "secret" not in repr(key)
    with pytest.raises(SettingError):
        of(bootstrap_key="admin:secret")


@pytest.mark.parametrize("value", ["hush", ":hush", "id:", "id:hu sh", "id:only-15-letters"[:18]])
def test_bad_bootstrap_key_refused_without_showing_it(value: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({}, {"UPWELL_BOOTSTRAP_KEY": value}, None)
    assert value not in str(caught.value)


def test_refused_database_url_hides_its_password() -> None:
    with pytest.raises(SettingError) as caught:
        of(database_url="mysql://me:hush@host/db")
    assert "hush" not in str(caught.value)


def test_dynamic_registration() -> None:
    assert of().dynamic_registration == "registered"
    assert load({}, {"UPWELL_DYNAMIC_REGISTRATION": "any"}, None).dynamic_registration == "any"
    with pytest.raises(SettingError, match="off, registered, any"):
        of(dynamic_registration="yes")


@pytest.mark.parametrize(
    ("name", "near"),
    [("UPWELL_DATA_DR", "UPWELL_DATA_DIR"), ("UPWELL_BOOTSTRAP_KEYS", "UPWELL_BOOTSTRAP_KEY"), ("UPWELL_PORT", "")],
)
def test_a_variable_that_is_none_of_ours_is_refused(name: str, near: str) -> None:
    """Issue 9, number 36: a slip in a variable's name would run the server on a default."""
    with pytest.raises(SettingError) as caught:
        load({}, {name: "hush:hush"}, None)
    assert name in str(caught.value) and near in str(caught.value)
    assert "hush" not in str(caught.value)


def test_variables_that_others_set_are_left_alone() -> None:
    """Issue 9, number 36: the tests' own, an empty one, and what Kubernetes sets beside a service `upwell`."""
    others = {
        "UPWELL_TEST_HUAWEI_SIGNING": "v11", "UPWELL_NOTHING": "", "UPWELL_SERVICE_HOST": "10.0.0.1",
        "UPWELL_SERVICE_PORT": "8686", "UPWELL_SERVICE_PORT_HTTP": "8686", "UPWELL_PORT": "tcp://10.0.0.1:8686",
        "UPWELL_PORT_8686_TCP": "tcp://10.0.0.1:8686", "UPWELL_PORT_8686_TCP_PROTO": "tcp",
        "UPWELL_PORT_8686_TCP_PORT": "8686", "UPWELL_PORT_8686_TCP_ADDR": "10.0.0.1", "OTHER_DATA_DR": "x",
    }  # fmt: skip
    assert load({}, others, None) == load({}, {}, None)


def test_a_settings_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 9, number 36."""
    monkeypatch.chdir(tmp_path)
    assert toml_path({}) is None
    for absent in (str(tmp_path / "absent.toml"), str(tmp_path), "nul\0byte"):
        with pytest.raises(SettingError, match="UPWELL_CONFIG"):
            toml_path({"UPWELL_CONFIG": absent})
    (tmp_path / "upwell.toml").touch()
    assert toml_path({"UPWELL_CONFIG": ""}) == Path("upwell.toml")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("http = 8686", "a string"),
        ('data-dir = ["a"]', "a string"),
        ("http = 1979-05-27", "a string"),
        ("request-limits = 1", "true or false"),
        ("huawei-clock-tolerance-h = 1.5", "a whole number"),
        ("disk_floor_mb = true", "a number of megabytes"),
        ("[http]\nhost = 1", "a string"),
        ("buckets = 5", "a string or a table"),
        ("[buckets]\n'r/abc' = 1", "file:FOLDER or s3"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(tmp_path: Path, line: str, rule: str) -> None:
    """Issue 9, number 36."""
    toml = tmp_path / "upwell.toml"
    toml.write_text(line)
    with pytest.raises(SettingError, match=rule) as caught:
        load({}, {}, toml)
    assert "\n" not in str(caught.value)


def test_numbers_may_be_numbers_in_the_file(tmp_path: Path) -> None:
    toml = tmp_path / "upwell.toml"
    toml.write_text("disk-floor-mb = 5\nhuawei_clock_tolerance_h = 3\nobject-cache-mb = 0\n")
    settings = load({}, {}, toml)
    assert (settings.disk_floor_mb, settings.huawei_clock_tolerance_h, settings.object_cache_mb) == (5, 3, 0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("trusted_proxies", "proxy"),
        ("proxy_protocol", "metrics"),
        ("proxy_protocol", "http"),
        ("proxy_protocol", "mqtt;mqtts"),
        ("proxy_protocol", "mqtts"),
        ("database_url", "postgresql://a:b@one,two:x/db"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("log", "x"),
        ("log", "10"),
        ("log_format", "xml"),
        ("disk_floor_mb", "-1"),
        ("disk_floor_mb", "1e3"),
        ("object_cache_mb", "-1"),
        ("object_cache_mb", "4G"),
        ("download_bytes_per_s", "0"),
        ("download_bytes_per_s", "20MB"),
    ],
)
def test_settings_of_operators_that_are_refused(setting: str, value: str) -> None:
    """Issue 9, number 36: UPWELL_LOG=x was a traceback."""
    with pytest.raises(SettingError, match=f"setting {setting} = "):
        load({}, {f"UPWELL_{setting.upper()}": value}, None)


def test_listeners_behind_a_proxy_are_named_as_options_are() -> None:
    given = {"mqtt_ws": "127.0.0.1:1", "proxy_protocol": "mqtt, mqtt-ws,mqtt_ws,download"}
    assert load(given, {}, None).proxy_protocol == ("mqtt", "mqtt_ws", "download")
    assert load({}, {}, None).proxy_protocol == ()
    with pytest.raises(SettingError, match="names mqtt, which is off"):
        load({"mqtt": "off", "proxy_protocol": "mqtt"}, {}, None)
    with pytest.raises(SettingError, match="needs trusted_proxies"):
        load({"trusted_proxies": "", "proxy_protocol": "mqtt"}, {}, None)


def test_a_database_may_have_several_hosts() -> None:
    url = "postgresql://a:b@one:5432,[::1]:5433,two/db?sslmode=require"
    assert load({"database_url": url}, {}, None).database_url == url


def test_the_rate_of_downloads_is_read_with_its_unit() -> None:
    assert of().download_bytes_per_s is None
    assert load({"download_bytes_per_s": "20M"}, {}, None).download_bytes_per_s == 20_000_000


def test_a_setting_is_named_as_it_was_given(tmp_path: Path) -> None:
    """Issue 9, number 36: an error about a port names the option, variable or key that somebody wrote."""
    toml = tmp_path / "upwell.toml"
    toml.write_text('download = "127.0.0.1:7000"')
    settings = load({"http": "127.0.0.1:1"}, {"UPWELL_MQTT": "127.0.0.1:2"}, toml)
    assert settings.named("http") == "--http"
    assert settings.named("mqtt") == "UPWELL_MQTT"
    assert settings.named("download") == f"download in {toml}"
    assert "by default" in of().named("http")
    assert "--http" in of(http="127.0.0.1:1").named("download")


def test_every_setting_is_described_with_its_default_and_is_in_the_table() -> None:
    """Issue 9, number 36: `serve --help`; each default that can be written as a value is the default."""
    assert set(DESCRIBED) == set(SETTINGS)
    table = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    for name, (text, default) in DESCRIBED.items():
        assert text and f"`--{name.replace('_', '-')}" in table, name
        if name in ("log_file", "secret_key_command"):
            continue  # their default is no name of a file or program
        written = {"off": "false", "on": "true"}.get(default, default) if name in SWITCHES else default
        try:
            settings = of(**{name: written})
        except SettingError:
            assert default in ("off", "none") or " " in default, (name, default)
            continue
        assert getattr(settings, name) == getattr(of(), name), (name, default)


def test_a_refusal_says_who_gave_the_value(tmp_path: Path) -> None:
    """Issue 9, number 36: by which option, variable or key; else it is looked for in the wrong place."""
    toml = tmp_path / "upwell.toml"
    toml.write_text('mqtt = "nowhere"')
    for options, environ, source in (
        ({"http": "nowhere"}, {}, "--http"),
        ({}, {"UPWELL_HTTP": "nowhere"}, "UPWELL_HTTP"),
        ({}, {}, f"mqtt in {toml}"),
        ({"mqtt_ws": "127.0.0.1:1", "mqtt": "127.0.0.1:1"}, {}, "--mqtt-ws"),
    ):
        with pytest.raises(SettingError, match=f", given by {re.escape(source)}: m"):
            load(options, environ, toml)


@pytest.mark.parametrize(
    "given",
    [
        {"database_url": "postgresql://me:hu/hush@host/db:x"},
        {"database_url": "me:hush@host/db"},
        {"database_url": "postgresql:me:hush@host/db"},
        {"database_url": "postgresql://host:99999/db?password=hush"},
        {"database_url": "mysql://me:h@hush@host/db"},
        {"objects_url": "s3://b?secret_access_key=hush"},
        {"buckets": "r/abc=s3://b?endpoint=http://me:hush@h"},
        {"http": "me:hush@host"},
    ],
)
def test_a_refusal_shows_no_secret_however_it_is_written(tmp_path: Path, given: dict[str, str]) -> None:
    """Issue 9, number 36: a password with a slash, an address without its scheme, a query."""
    toml = tmp_path / "upwell.toml"
    toml.write_text("".join(f"{name} = {[value]}\n" for name, value in given.items()))
    environ = {f"UPWELL_{name.upper()}": value for name, value in given.items()}
    for sources in ((given, {}, None), ({}, environ, None), ({}, {}, toml)):
        with pytest.raises(SettingError) as caught:
            load(*sources)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["database_uri", "password", "bootstrap", "secret"])
def test_an_unknown_key_of_the_file_hides_its_value(tmp_path: Path, name: str) -> None:
    """Issue 9, number 36: it may be a secret under a wrong name."""
    toml = tmp_path / "upwell.toml"
    toml.write_text(f'{name} = "hush"')
    with pytest.raises(SettingError, match=f"{name}.*no such setting") as caught:
        load({}, {}, toml)
    assert "hush" not in str(caught.value)
