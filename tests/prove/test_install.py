"""From a bare Debian to an updated fleet: docs/ten-minutes.md is followed word by word in it, the wheel installed by
its pipx as the page says. Then nothing but loopback is there, and still the fleet is updated. Each Debian brings
another Python."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.prove.bare import DEBIANS, USER, Bare, needs_debian

from acceptance.ten_minutes import updated
from wheel import built

pytestmark = [pytest.mark.prove, needs_debian]


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="upwell-wheel-"))
    yield built(top)
    shutil.rmtree(top)


@pytest.fixture(params=DEBIANS)
def bare(request: pytest.FixtureRequest, wheel: Path) -> Iterator[Bare]:
    root = Path(tempfile.mkdtemp(prefix=f"upwell-{request.param}-", dir="/tmp"))
    root.chmod(0o755)
    try:
        made = Bare(root, request.param)
        shutil.copy(wheel, root / "home" / USER)
        made.run("sh", "-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends python3")
        version = made.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        assert version == DEBIANS[request.param]
        print(f"\nDebian {request.param}, Python {version}", end=": ", flush=True)
        yield made
    finally:
        shutil.rmtree(root)


@pytest.mark.timeout(1800)
def test_a_bare_debian_ends_with_an_updated_fleet(bare: Bare) -> None:
    told = bare.follow("--end", "Serve", network=True)
    assert "installed package" in told["pipx install ./upwell-*.whl"]
    updated(bare.follow("--begin", "Serve", "--lo", network=False))
    # It never was root's: what it left is its user's, and closed to others.
    data = bare.root / "home" / USER / "upwell-data"
    assert (data / "postgres").stat().st_uid == (bare.root / "home" / USER).stat().st_uid
    assert all(path.stat().st_mode & 0o077 == 0 for path in (data, data / "postgres"))
    # It goes on where it was, and its counters are right.
    said = bare.run("su", USER, "-lc", ".local/bin/upwell check --data-dir upwell-data", network=False)
    assert "differences: 0" in said, said
    print("updated")
