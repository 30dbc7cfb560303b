"""Write the tables of operations into docs/support-matrix.md, from what the server reads and what the tests call.

A table stands between two comments; the rest of the page is written by hand. Operations, roles, parameters and limits
are the dialects' tables, so no cell can promise what the server does not read. An Alibaba operation names the stories
that call it, read from the tests' own tables, a Huawei one the test files; one that nothing calls is an error.

Run: python tools/matrix.py (writes the file) or python tools/matrix.py --check (fails when the file is stale).
"""

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from upwell.dialects.alibaba.management import OPERATIONS as ALIBABA
from upwell.dialects.checks import Unsupported
from upwell.dialects.huawei.management import OPERATIONS as HUAWEI
from upwell.dialects.operations import Operation, Param
from upwell.dialects.spoken import DIALECTS
from upwell.dialects.upwell.management import OPERATIONS as UPWELL

TOP = Path(__file__).resolve().parent.parent
FILE = TOP / "docs" / "support-matrix.md"
NOTES = TOP / "docs" / "support-notes.toml"
TESTS = TOP / "tests" / "acceptance"
HELPERS = ("huawei_client.py", "huawei_fleet.py")
SDK_TESTS = ("test_new_sdk.py", "test_old_sdk.py")


def stories() -> dict[str, list[str]]:
    """The stories that call each operation."""
    found: dict[str, list[str]] = {}
    for file in sorted((TESTS / "stories").glob("*.py")):
        for action in _table(ast.parse(file.read_text("utf-8"))):
            found.setdefault(action, []).append(file.stem)
    return found


def _table(module: ast.Module) -> list[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["OPERATIONS"]:
            return list(ast.literal_eval(node.value))
    return []


def telling(file: str) -> str:
    """The test in this file that tells every story."""
    for node in ast.parse((TESTS / file).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and any("STORIES.values()" in ast.unparse(d) for d in node.decorator_list):
            return f"{file}::{node.name}"
    raise LookupError(f"no test of {file} tells the stories")


def parameters(operation: Operation) -> str:
    """Its parameters as they stand on the wire, those required in bold."""
    wire = _members if operation.path else _flat
    return ", ".join(
        f"**{name}**" if required else name
        for param in (*operation.query, *operation.params)
        if not isinstance(param.check, Unsupported)
        for name, required in wire(param)
    )


def _members(param: Param) -> Iterator[tuple[str, bool]]:
    """As a query or a body names it."""
    yield param.name, param.required


def _flat(param: Param) -> Iterator[tuple[str, bool]]:
    """As flat pairs name it: a list by numbers."""
    if param.members:
        yield from ((f"{param.name}.N.{each.name}", param.required and each.required) for each in param.members)
    else:
        yield f"{param.name}.N" if param.kind == "list" else param.name, param.required


def callers() -> dict[str, list[str]]:
    """The test files of Huawei's that call each method of the vendor's SDK, themselves or by a helper's functions."""
    helping: dict[str, set[str]] = {}
    for helper in HELPERS:
        for node in ast.walk(ast.parse((TESTS / helper).read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                helping.setdefault(node.name, set()).update(_called(node))
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.glob("test_huawei_*.py")):
        names, size = _called(ast.parse(file.read_text("utf-8"))), 0
        while size < (size := len(names)):
            names |= {each for name in names for each in helping.get(name, ())}
        for name in names:
            found.setdefault(name, []).append(file.stem.removeprefix("test_huawei_"))
    return found


def _called(tree: ast.AST) -> set[str]:
    """The functions and methods that are called there."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    imported = {name.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for name in n.names}
    own = {f.id for f in calls if isinstance(f, ast.Name) and f.id in imported}
    return own | {f.attr for f in calls if isinstance(f, ast.Attribute)}


def method(operation: str) -> str:
    """What the SDK calls an operation: CreateOtaPackage is create_ota_package."""
    return re.sub("(?<!^)(?=[A-Z])", "_", operation).lower()


Notes = Mapping[str, Mapping[str, str]]


def table(operations: Mapping[str, Operation], notes: Notes, **more: Mapping[str, str]) -> str:
    """One row for each operation; `more` are further columns by their headings."""
    known = {name for kind in notes.values() for name in kind}
    parts, words = notes.get("part", {}), notes.get("note", {})
    if known - set(operations):
        raise LookupError(f"notes on operations that are not there: {sorted(known - set(operations))}")
    heads = ("Operation", "State", "Least role", *more, "Parameters", "Missing or different")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, operation in operations.items():
        part, note = parts.get(name), words.get(name)
        cells = [name, "part" if part else "yes", operation.role, *(column[name] for column in more.values())]
        cells += [parameters(operation) or "—", "; ".join(filter(None, (part, note)))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """What stands between the comments of each dialect."""
    notes = tomllib.loads(NOTES.read_text("utf-8"))
    return {dialect: OWN.get(dialect, plain(dialect))(notes.get(dialect, {})) for dialect in DIALECTS}


def plain(dialect: str) -> Callable[[Notes], str]:
    """The table of a dialect that has nothing to tell beside its rows."""

    def of(notes: Notes) -> str:
        operations = importlib.import_module(f"upwell.dialects.{dialect}.management").OPERATIONS
        asked = {name: f"{operation.method} {operation.path}" for name, operation in operations.items()}
        return table(operations, notes, **({"Request": asked} if any(row.path for row in operations.values()) else {}))

    return of


def alibaba(notes: Notes) -> str:
    """The table of Alibaba's operations."""
    told = {name: ", ".join(those) for name, those in stories().items()}
    qps = {name: str(operation.limit_per_s) for name, operation in ALIBABA.items()}
    new, old = map(telling, SDK_TESTS)
    head = (
        f"Each of the {len(ALIBABA)} operations is called by both of the vendor's SDKs, unmodified, in the stories"
        f" named beside it:\n`{new}[acs3-<story>]` and `[v2-<story>]` compare what the new SDK holds with the JSON that"
        f" was sent,\n`{old}[<story>]` what the old SDK got in JSON with what it got in XML. Requests a second are"
        " per account.\nRequired parameters are bold; IotInstanceId is accepted everywhere and ignored, and what is"
        "\nnearly a parameter is refused by name ([0012](adr/0012-what-is-not-understood.md))."
    )
    return f"{head}\n\n{table(ALIBABA, notes, **{'Requests a second': qps, 'Stories': told})}"


def upwell(notes: Notes) -> str:
    """The table of our own operations."""
    named: dict[str, list[str]] = {}
    for file in (*sorted(TESTS.glob("test_upwell*.py")), TESTS / "upwell_client.py"):
        nodes = ast.walk(ast.parse(file.read_text("utf-8")))
        for name in {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}:
            named.setdefault(name, []).append(file.stem.removeprefix("test_"))
    told = {name: ", ".join(named[name]) for name in UPWELL}
    asked = {name: f"{operation.method} {operation.path}" for name, operation in UPWELL.items()}
    head = (
        f"Each of the {len(UPWELL)} operations is called over HTTP in the tests named beside it,"
        " `tests/acceptance/<test>.py`,\nand each answer is held against the document. Paths are below `/v1`; required"
        " members are bold."
    )
    return f"{head}\n\n{table(UPWELL, notes, Request=asked, Tests=told)}"


def huawei(notes: Notes) -> str:
    """The table of Huawei's operations."""
    tests = callers()
    told = {name: ", ".join(tests[method(name)]) for name in HUAWEI}
    asked = {name: f"{operation.method} {operation.path}" for name, operation in HUAWEI.items()}
    head = (
        f"Each of the {len(HUAWEI)} operations is called by the vendor's SDK, unmodified, in the tests named beside it:"
        "\n`tests/acceptance/test_huawei_<test>.py`. Paths are below `/v5/iot/{project_id}`; required members are bold."
    )
    return f"{head}\n\n{table(HUAWEI, notes, Request=asked, Tests=told)}"


OWN: dict[str, Callable[[Notes], str]] = {"alibaba": alibaba, "huawei": huawei, "upwell": upwell}
"""Those whose table tells more, such as which tests call an operation."""


def text(page: str) -> str:
    """The page with its tables made anew."""
    for name, body in tables().items():
        begin, end = f"<!-- {name}: written by tools/matrix.py -->", f"<!-- {name} ends -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        if not after:
            raise SystemExit(f"{FILE.name} has no place for the table of {name}: give it the lines {begin} and {end}")
        page = f"{before}{begin}\n{body}\n{end}{after}"
    return page


def main() -> int:
    """Write the file, or only compare it."""
    page = FILE.read_text("utf-8")
    if "--check" in sys.argv[1:]:
        return int(page != text(page))
    FILE.write_text(text(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
