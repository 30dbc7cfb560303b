"""Issue 9, number 38: every operation of Huawei's by the vendor's Go and Java SDKs. The tests are those of the Python
SDK, run once more with the other in its place: what that holds is compared with what was sent, then with what each test
expects.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.huawei_operations import EVERY
from clients.bridge import JAVA, Bridge
from clients.huawei import CALLED, LACKS

TESTS = Path(__file__).parent.parent / "acceptance"
PARTS = ("packages", "groups", "fleet", "rules", "batches", "pages")
WIRE = tuple(
    f"wire.py::test_{name}"
    for name in (
        "files_of_targets",
        "both_signatures_are_taken",
        "the_sdk_asks_for_its_project",
        "an_instance_id_is_taken",
    )
)
LANGUAGES = ["go", pytest.param("java", marks=JAVA)]
LIMIT_S = 3600  # it ends a run that hangs; a slow machine needs a third of it


def again(language: str, called: Path, *names: str, **more: str) -> None:
    """The tests of these files with that SDK; they must all pass, and `called` gets a line for each operation."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *(f"{TESTS}/test_huawei_{name}" for name in names)],
        env=os.environ | {"UPWELL_TEST_HUAWEI_CLIENT": language, CALLED: str(called)} | more,
        capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operation(tmp_path: Path, language: str) -> None:
    called = tmp_path / "called"
    again(language, called, *(f"{part}.py" for part in PARTS), *WIRE)
    assert set(called.read_text("utf-8").split()) == set(EVERY) - LACKS[language].operations


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_other_signature(tmp_path: Path, language: str) -> None:
    """huawei 1.3: V11, which the SDK takes for an endpoint that is not the vendor's."""
    called = tmp_path / "called"
    again(language, called, "packages.py", UPWELL_TEST_HUAWEI_SIGNING="v11")
    assert "create_ota_package" in called.read_text("utf-8").split()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_operation_is_forgotten(bridges: dict[str, Bridge], language: str) -> None:
    """The SDK has each that is promised but for what it is known to lack, and of their areas no other."""
    known = bridges[f"{language}-huawei"].operations()
    promised = {name.replace("_", "").title() for name in set(EVERY) - LACKS[language].operations}
    assert promised <= {name.title() for name in known}
    areas = ("Ota", "BatchTask", "Application", "Product", "DeviceGroup", "RuleAction", "RoutingRule")
    assert {name.title() for name in known if any(area in name for area in areas)} <= promised
