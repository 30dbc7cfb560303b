"""L10 at the three management doors: whatever is asked, by whoever has a key, the answer is one of the caller's dialect
and never an internal error, and the server's log has no traceback."""

import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from acceptance.client import Server, serve
from acceptance.noise import ACCOUNT, DOORS, Door, Noise, stage

PROOF_S = 150
FEWEST_OPERATIONS = {"alibaba": 20, "tuya": 12, "huawei": 20}  # that succeed at least once, or the noise is only noise


@pytest.fixture(scope="module")
def loud() -> Iterator[Server]:
    with serve() as running:
        yield running


def attack(
    server: Server, folder: Path, dialect: str, seed: int, requests: int, seconds: float
) -> tuple[int, set[str]]:
    """How many requests were answered, and what succeeded at least once. Fails at the first wrong answer."""
    door = Door(server.http, server.new_key(ACCOUNT, "admin", dialect), Noise(random.Random(seed)))
    words = stage(server, folder)
    rest = dialect == "huawei"
    door.noise.memory.keep({name: told for name, told in words.items() if name.islower() == rest})
    make, wrong = DOORS[dialect]
    until, count, done = time.monotonic() + seconds, 0, set[str]()
    for sent in islice(make(door), requests):
        count += 1
        problem = wrong(sent)
        assert not problem, f"{problem}: seed {seed}, request {count}: {sent.what}\n{sent.status} {sent.body[:500]!r}"
        if sent.status < 300 and (rest or b'"success":true' in sent.body.lower()):
            done.add(sent.operation)
        if time.monotonic() > until:
            break
    door.close()
    log = (server.data_dir / "serve.log").read_text()
    assert "Traceback" not in log, log[-4000:]
    return count, done


@pytest.mark.parametrize("dialect", DOORS)
def test_some_noise(loud: Server, tmp_path: Path, dialect: str) -> None:
    count, _ = attack(loud, tmp_path, dialect, 11, 400, 15)
    assert count > 50


@pytest.mark.prove
@pytest.mark.timeout(PROOF_S + 120)
@pytest.mark.parametrize("dialect", DOORS)
def test_much_noise(loud: Server, tmp_path: Path, dialect: str) -> None:
    seed = int(time.time())
    count, done = attack(loud, tmp_path, dialect, seed, 10**9, PROOF_S)
    print(f"dialect={dialect} seed={seed} requests={count} operations={len(done)}")
    assert len(done) >= FEWEST_OPERATIONS[dialect]
