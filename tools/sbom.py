"""Write what is installed at run time as a bill of materials (CycloneDX, JSON): `sbom.py REQUIREMENTS PYTHON FILE`.

Versions and hashes are the lock's, licences those that the packages say of themselves in PYTHON's environment, where
the lock must be installed. What the lock has for other systems alone is left out. The same lock gives the same file.
Needs what requirements/sbom.txt names.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[1]
READ = {"pyrage": "MIT"}
"""Licences of packages that name none in their metadata, read in the licence file that they bring."""
Bom = dict[str, Any]


def pinned(lock: str) -> dict[str, Requirement]:
    """The packages of a lock that this system installs, by name."""
    lines = (line.rstrip("\\ ") for line in lock.splitlines() if line[:1].isalnum())
    found = {canonicalize_name(each.name): each for each in map(Requirement, lines)}
    return {name: each for name, each in found.items() if each.marker is None or each.marker.evaluate()}


def told(*arguments: str) -> Bom:
    """What cyclonedx-py says."""
    command = [sys.executable, "-m", "cyclonedx_py", *arguments, "--output-reproducible", "--of", "JSON", "-o", "-"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"upwell: cyclonedx-py {arguments[0]}: {done.stderr.strip()[-500:]}")
    return dict(json.loads(done.stdout))


def by_name(bom: Bom) -> dict[str, Bom]:
    """Its components."""
    return {canonicalize_name(each["name"]): each for each in bom["components"]}


def read(name: str) -> list[Bom]:
    """The licence that was read."""
    return [{"license": {"id": READ[name], "acknowledgement": "concluded"}}] if name in READ else []


def merged(lock: Path, python: str) -> Bom:
    """The lock's bill with the licences of the environment's."""
    bom = told("requirements", str(lock), "--pyproject", "pyproject.toml")
    here, installed = pinned(lock.read_text("utf-8")), by_name(told("environment", python))
    kept = {name: each for name, each in by_name(bom).items() if name in here}
    wrong = sorted(n for n, each in kept.items() if installed.get(n, {}).get("version") != each["version"])
    if wrong or kept.keys() != here.keys():
        raise SystemExit(f"upwell: not installed as {lock} has it: {wrong or here.keys() - kept.keys()}; run make lock")
    for name, each in kept.items():
        each["description"] = installed[name].get("description", "")
        each["licenses"] = installed[name].get("licenses") or read(name)
    bare = sorted(name for name, each in kept.items() if not each["licenses"])
    if bare:
        raise SystemExit(f"upwell: no licence is told by {', '.join(bare)}")
    refs = {each["bom-ref"] for each in kept.values()} | {bom["metadata"]["component"]["bom-ref"]}
    return bom | {
        "components": [kept[name] for name in sorted(kept)],
        "dependencies": [each for each in bom.get("dependencies", []) if each["ref"] in refs],
    }


def main(lock: str, python: str, file: str) -> None:
    """Write it, if it is as the schema has it."""
    text = json.dumps(merged(Path(lock), python), indent=1) + "\n"
    version = SchemaVersion.from_version(str(json.loads(text)["specVersion"]))
    if wrong := JsonStrictValidator(version).validate_str(text):
        raise SystemExit(f"upwell: the bill of materials is not as CycloneDX has it: {wrong!r:.500}")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
