"""Secrets at rest: what is kept of them, whom it opens for, and where keys come from."""

import base64
import secrets
from pathlib import Path

import pytest

from upwell.config.loading import load
from upwell.config.sources import SettingError
from upwell.domain.errors import Invalid, Unavailable
from upwell.storage.sealing import Kept, Seals, Unsealable, key_id, sealed_with
from upwell.wiring import secret_keys
from upwell.wiring.secret_keys import Keys, keys_from

ONE, TWO = b"1" * 32, b"2" * 32


def line(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.mark.parametrize("secret", ["", "x", "ünïcode ✓", "sealed:", "sealed:0123456789abcdef:AAAA", "a" * 10_000])
def test_a_secret_comes_back_and_is_not_in_what_is_kept(secret: str) -> None:
    seals = Seals([ONE])
    kept = seals.seal(Kept.DEVICE, "d", secret)
    assert seals.open(Kept.DEVICE, "d", kept) == secret and kept != seals.seal(Kept.DEVICE, "d", secret)
    assert sealed_with(kept) == key_id(ONE) and (len(secret) < 2 or secret not in kept or secret == "sealed:")
    assert Seals().seal(Kept.DEVICE, "d", secret) == secret == Seals().open(Kept.DEVICE, "d", secret)


def test_it_opens_in_its_own_row_and_column_alone_and_whole() -> None:
    seals = Seals([ONE])
    kept = seals.seal(Kept.DEVICE, "d", "secret")
    head, _, body = kept.rpartition(":")
    raw = base64.urlsafe_b64decode(body)
    bent = [base64.urlsafe_b64encode(raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :]).decode() for n in range(len(raw))]
    for of, row, text in [
        (Kept.DEVICE, "e", kept), (Kept.SECONDARY, "d", kept), (Kept.PRODUCT, "d", kept),
        *((Kept.DEVICE, "d", f"{head}:{each}") for each in bent),
    ]:  # fmt: skip
        with pytest.raises(Unsealable) as told:
            seals.open(of, row, text)
        assert "secret" not in str(told.value).replace(of, "")


def test_the_first_key_seals_and_each_opens() -> None:
    before, during, after = Seals([ONE]), Seals([TWO, ONE]), Seals([TWO])
    old = before.seal(Kept.KEY, "k", "secret")
    new = during.seal(Kept.KEY, "k", during.open(Kept.KEY, "k", old))
    assert sealed_with(new) == key_id(TWO) and after.open(Kept.KEY, "k", new) == "secret"
    with pytest.raises(Unsealable, match=key_id(ONE)):
        after.open(Kept.KEY, "k", old)
    leaving = Seals([ONE], writes_plain=True)
    assert leaving.first == "" and leaving.seal(Kept.KEY, "k", leaving.open(Kept.KEY, "k", old)) == "secret"


def test_who_lacks_a_key_keeps_nothing() -> None:
    seals = Seals([TWO])
    seals.missing = (key_id(ONE),)
    for keep in (seals, Seals()):
        keep.missing = (key_id(ONE),)
        with pytest.raises(Unavailable, match=f"encrypted with the key {key_id(ONE)}, which was not given"):
            keep.seal(Kept.DEVICE, "d", "secret")
        with pytest.raises(Unavailable):
            keep.seal_bytes(Kept.SERVER, "download", b"secret")
    with pytest.raises(Invalid):
        Seals([ONE]).seal(Kept.DEVICE, "d", "\ud800")


@pytest.mark.parametrize("secret", [b"", b"\x00\xff" * 16, b"sealed:" + b"x" * 25])
def test_bytes_are_kept_as_they_are_or_sealed(secret: bytes) -> None:
    seals = Seals([ONE])
    kept = seals.seal_bytes(Kept.SERVER, "download", secret)
    assert kept != secret and seals.open_bytes(Kept.SERVER, "download", kept) == secret
    assert Seals().seal_bytes(Kept.SERVER, "download", secret) == secret == seals.open_bytes(Kept.SERVER, "x", secret)


def test_a_check_value_is_of_its_key_alone() -> None:
    check = Seals([ONE]).check_value(key_id(ONE))
    assert Seals([TWO, ONE]).has(key_id(ONE), check)
    assert not Seals([TWO]).has(key_id(ONE), check) and not Seals([TWO]).has(key_id(TWO), check)
    assert not Seals([ONE]).has(key_id(ONE), "plain")


# --- where keys come from ---


async def keys(tmp_path: Path, content: bytes, mode: int = 0o600) -> Keys:
    file = tmp_path / secrets.token_hex(4)
    file.write_bytes(content)
    file.chmod(mode)
    return await keys_from(load({"secret_key_file": str(file)}, {}, None))


async def test_keys_of_a_file(tmp_path: Path) -> None:
    assert await keys(tmp_path, ONE) == Keys((ONE,))
    assert await keys(tmp_path, line(ONE).encode()) == Keys((ONE,))
    two = f"# new\n{line(TWO)}\n\n# old\n{line(ONE)}\n".encode()
    assert await keys(tmp_path, two, 0o400) == Keys((TWO, ONE))
    assert await keys(tmp_path, f"plain\n{line(ONE)}\n".encode()) == Keys((ONE,), write_plain=True)
    assert (await keys_from(load({}, {}, None))).seals().first == ""


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n#\n", ONE + b"\n", ONE[:-1], b"not base64", base64.b64encode(ONE + b"x"), b"#" * 20_000,
        f"{line(ONE)}\nplain\n".encode(), f"{line(ONE)}\n{line(ONE)}\n".encode(),
        "\n".join(line(bytes([n]) * 32) for n in range(17)).encode(),
    ],
)  # fmt: skip
async def test_a_file_without_whole_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingError, match=r"given by --secret-key-file: must hold keys, one a line"):
        await keys(tmp_path, content)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
async def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingError, match=f"its mode is {mode:o}.: chmod 600 it"):
        await keys(tmp_path, ONE, mode)


async def of_command(command: str) -> Keys:
    return await keys_from(load({"secret_key_command": command}, {}, None))


async def test_keys_of_a_command(tmp_path: Path) -> None:
    assert await of_command(f"printf '%s\\n' {line(TWO)} {line(ONE)}") == Keys((TWO, ONE))


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("/no/such/program x", "its program can't be run: No such file"), ("false", "ended with status 1"),
        ("echo secret-in-output", "must hold keys"), ("yes", "must hold keys"), ("sh -c 'kill -9 $$'", "status -9"),
        ("sh -c 'sleep 60 & sleep 60'", "did not end within"),
    ],
)  # fmt: skip
async def test_a_command_that_gives_none_is_refused_in_time(
    command: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in command:
        monkeypatch.setattr(secret_keys, "WITHIN_S", 0.5)
    with pytest.raises(SettingError, match=rule) as told:
        await of_command(command)
    assert "secret-in-output" not in str(told.value)


def test_one_of_both_is_given() -> None:
    with pytest.raises(SettingError, match="not beside secret_key_file"):
        load({"secret_key_file": __file__, "secret_key_command": "true"}, {}, None)
    for wrong in ("", "'open"):
        with pytest.raises(SettingError, match="quoted as for a shell"):
            load({"secret_key_command": wrong}, {}, None)
