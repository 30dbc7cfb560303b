"""A dialect is what stands in tables: each that is registered has its part in every one of them, and no other module
names one. What a new dialect lacks is told here by name."""

import ast
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from tests.integration.face_speech import SPEECHES as SAID

from acceptance.noise import DOORS
from upwell.cli.remote.keys import Dialect
from upwell.config.loading import load
from upwell.console.words import languages
from upwell.dialects.spoken import DIALECTS, OWN
from upwell.domain.telling import LIMITS
from upwell.doors.devices.vendors import FACES, FaceRow, Given
from upwell.doors.management.tongues import TONGUES
from upwell.simulator.speech import SPEECHES

TOP = Path(__file__).parents[2]
SOURCES = TOP / "src" / "upwell"
FOLDERS = sorted(path.parent.name for path in (SOURCES / "dialects").glob("*/__init__.py"))
VENDORS = [dialect for dialect in FOLDERS if dialect != OWN]
CONTRACTS: list[dict[str, Any]] = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]


def named_in(contract: dict[str, Any]) -> set[str]:
    """The dialects that a contract keeps apart, or keeps something from."""
    listed = [*contract.get("modules", ()), *contract.get("forbidden_modules", ())]
    return {found[1] for each in listed if (found := re.fullmatch(r"upwell\.dialects\.(\w+)", each))}


def test_each_tongue_is_offered_wherever_a_key_is_made() -> None:
    assert sorted(DIALECTS) == sorted(row.dialect for row in TONGUES), "dialects/spoken.py, doors/management/tongues.py"
    assert get_args(Dialect) == DIALECTS, "cli/remote/keys.py; then run tools/client.py"
    assert [row.dialect for row in TONGUES if row.by_token] == [OWN]


def test_each_folder_is_a_tongue_or_a_face() -> None:
    assert set(FOLDERS) == {row.dialect for row in (*TONGUES, *FACES)}


@pytest.mark.parametrize(
    "contract", [each for each in CONTRACTS if named_in(each)], ids=lambda contract: str(contract["name"])
)
def test_each_contract_that_names_a_dialect_names_all(contract: dict[str, Any]) -> None:
    """The console may see our own."""
    seen = {OWN} if "upwell.console" in contract.get("source_modules", ()) else set()
    assert not set(FOLDERS) - named_in(contract) - seen, (
        "pyproject.toml: import-linter looks at what is listed, and says nothing of what is not"
    )


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each != OWN])
def test_each_vendors_tongue_has_its_pages_and_its_record(dialect: str) -> None:
    for path in (f"docs/moving/{dialect}.md", f"tests/golden/{dialect}.json"):
        assert (TOP / path).is_file(), path
    assert dialect in DOORS, "tests/acceptance/noise.py: nonsense at its door"
    for language in languages().values():
        assert language.has(f"vendor.{dialect}"), f"console/words/{language.code}.toml: [vendor] {dialect}"


@pytest.mark.parametrize("row", FACES, ids=lambda row: str(row.dialect))
def test_each_face_is_of_its_row_and_has_what_is_told_by_vendor(row: FaceRow) -> None:
    desk: Any = SimpleNamespace(now=lambda: datetime(2026, 6, 1, tzinfo=UTC))
    of: dict[str, Any] = dict.fromkeys(("link", "tls_link", "stream", "read"), lambda *_: None)
    given = Given(desk=desk, settings=load({}, {}, None), **of)
    faces = [make(given).name for make in (row.mqtt, row.http) if make is not None]
    assert set(faces) == {row.dialect}, "its `name` is what is kept with its devices"
    assert row.dialect in LIMITS, "domain/telling.py: an empty row says that its protocol has words for all"
    if row.mqtt is not None:
        assert row.dialect in SPEECHES, "simulator/speech.py: doctor --probe and the demo speak it"
        assert row.dialect in SAID, "tests/integration/face_speech.py: how much its devices may say, in which order"


# --- no other module names one ----------------------------------------------------------------------------------------

TABLES = (  # a row a dialect; a new one is put in here
    "cli/remote/keys.py", "client/async_operations.py", "client/operations.py", "dialects/spoken.py",
    "domain/telling.py", "doors/devices/vendors.py", "doors/management/tongues.py", "simulator/speech.py",
)  # fmt: skip
KNOWN = {  # what one vendor alone has as yet
    "doors/downloads/links.py": "which URLs Alibaba's C SDKs misread is told to the operator",
    "doors/management/uploads.py": "the form by which files come is Alibaba's, for every tongue",
    "wiring/upload_desk.py": "the same",
    "wiring/server.py": "Huawei's news of its rules",
    "simulator/fleet.py": "the kind of a device that is given none",
    "simulator/wire.py": "the same",
}


def names_of(file: Path) -> Iterator[str]:
    """Each vendor that a module names as a text, or takes something of."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in VENDORS:
            yield str(node.value)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (each for each in VENDORS if f"{node.module}.".startswith(f"upwell.dialects.{each}."))
            if node.module == "upwell.dialects":
                yield from (each.name for each in node.names if each.name in VENDORS)


def test_no_other_module_names_a_vendor() -> None:
    """What serves them knows none by name (docs/adr/0022): a module of a vendor's own has that in its path."""
    naming = {
        file.relative_to(SOURCES).as_posix()
        for file in SOURCES.rglob("*.py")
        if not any(vendor in file.relative_to(SOURCES).as_posix() for vendor in VENDORS) and any(names_of(file))
    }
    assert naming - set(TABLES) == set(KNOWN)
