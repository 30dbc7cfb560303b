"""Issue 9, number 38: what the clients of other languages rest on, tested where Go, Java and Node are not: their locks,
the line that `make test-clients` says without them, and the comparison of what was sent with what an SDK holds.
"""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from clients.comparing import differences, leaves, xml_leaves

TOP = Path(__file__).parents[2]
CLIENTS = TOP / "tests" / "clients"
GO, JAVA, NODE = (sorted(CLIENTS.glob(f"{language}-*")) for language in ("go", "java", "node"))
POM = "{http://maven.apache.org/POM/4.0.0}"


def test_the_programs_are_these() -> None:
    assert [each.name for each in (*GO, *JAVA, *NODE)] == [
        "go-alibaba", "go-huawei", "java-alibaba", "java-huawei", "java-huawei-device", "node-alibaba",
        "node-alibaba-device", "node-mqtt", "node-tuya",
    ]  # fmt: skip


@pytest.mark.parametrize("folder", NODE, ids=lambda each: each.name)
def test_a_node_lock_has_hashes_and_no_addresses(folder: Path) -> None:
    packages = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    assert packages[""]["dependencies"] == json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in packages.pop("")["dependencies"].values())
    assert packages and all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert not [name for name, each in packages.items() if "resolved" in each]
    assert "://" not in json.dumps([each | {"funding": None} for each in packages.values()])
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text("utf-8").splitlines()


@pytest.mark.parametrize("folder", GO, ids=lambda each: each.name)
def test_a_go_lock_has_a_hash_for_each_module(folder: Path) -> None:
    module, sums = (folder / "go.mod").read_text("utf-8"), (folder / "go.sum").read_text("utf-8")
    required = re.findall(r"^(?:require )?\t?(\S+\.\S+/\S+|\S+\.\S+) (v\S+)", module, re.MULTILINE)
    assert required and all(re.search(rf"^{re.escape(f'{n} {v}')} h1:\S+=$", sums, re.MULTILINE) for n, v in required)
    assert "replace" not in module and not (folder / "vendor").exists()
    assert "://" not in module + sums


@pytest.mark.parametrize("folder", JAVA, ids=lambda each: each.name)
def test_a_java_lock_has_a_hash_for_each_jar(folder: Path) -> None:
    pom = ET.parse(folder / "pom.xml").getroot()
    assert not [each.tag for each in pom if "repositor" in each.tag.lower()]
    lines = (folder / "jars.sha256").read_text("utf-8").splitlines()
    jars = {found[2]: found[1] for line in lines if (found := re.fullmatch(r"([0-9a-f]{64})  (\S+\.jar)", line))}
    assert len(jars) == len(lines)
    for dependency in pom.iter(f"{POM}dependency"):
        name, version = (dependency.findtext(f"{POM}{tag}") for tag in ("artifactId", "version"))
        assert version and re.fullmatch(r"\d+\.\d+\.\d+", version) and f"{name}-{version}.jar" in jars
    assert not list(folder.glob("**/*.jar"))


@pytest.mark.parametrize(
    ("goal", "line"),
    [
        ("test-clients", "test-clients needs Go and Node; not found: go node npm"),
        (".java-clients", "the clients in Java need Java 17 and Maven; left out, not found: java javac mvn"),
    ],
)
def test_without_its_tools_one_line_says_so(tmp_path: Path, goal: str, line: str) -> None:
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    done = subprocess.run(
        [tmp_path / "make", "-C", TOP, "--no-print-directory", goal],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"upwell: {line}\n", "")


# --- the comparison ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ({"Id": 7532493667656141578}, {"Id": 7532493667656142000}),
        ({"Id": 7532493667656141578}, {"Id": "7532493667656141578"}),
        ({"Size": 1}, {"Size": True}),
        ({"Size": 4096}, {"Size": 4096.0}),
        ({"Data": {"Name": "a"}}, {"Data": {}}),
        ({"Data": {"Name": "a"}}, {"Data": None}),
        ({}, {"Name": "a"}),
        ({"Rows": [{"Name": "a"}]}, {"Rows": []}),
        ({"Rows": [{"Name": "a"}, {"Name": "b"}]}, {"Rows": [{"Name": "b"}, {"Name": "a"}]}),
        ({"Rows": ["a"]}, {"Rows": {"Row": ["a"]}}),
        ({"Success": False}, {"Success": True}),
    ],
)
def test_what_an_sdk_lost_is_a_difference(sent: Any, held: Any) -> None:
    assert list(differences(sent, held))


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ({"Name": "水泵", "Size": 4096, "Rate": 0.5}, {"Rate": 0.5, "Size": 4096, "Name": "水泵"}),
        ({"Name": "a"}, {"Name": "a", "More": "", "Count": 0, "Rows": None, "Data": {"Rows": [], "Ok": False}}),
        ({"Rows": [], "Data": None, "Name": ""}, {"Name": "", "Rows": None}),
    ],
)
def test_nothing_is_no_difference(sent: Any, held: Any) -> None:
    assert not list(differences(sent, held))


def test_an_answer_in_xml_is_compared_by_its_values() -> None:
    document = ET.fromstring("<R><Ok>true</Ok><N>0</N><L><E><A>1</A></E><E><A>2</A><B>x</B></E></L><Empty/></R>")
    held = {"Ok": True, "N": 0, "L": {"E": [{"A": 1, "B": ""}, {"A": 2, "B": "x"}]}, "Empty": {"Rows": None}}
    assert sorted(leaves(held)) == sorted(xml_leaves(document))
    held["L"] = {"E": [{"A": 1}]}
    assert sorted(leaves(held)) != sorted(xml_leaves(document))
