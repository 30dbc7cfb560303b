"""The 43 public cases of docs/cases.md: each has its row, and the proofs that are named exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def rows() -> dict[str, str]:
    page = (ROOT / "docs" / "cases.md").read_text("utf-8")
    return dict(re.findall(r"^\| (2\.\d+) \|(.*)\|$", page, re.MULTILINE))


def test_each_case_has_a_row() -> None:
    assert list(rows()) == [f"2.{nth}" for nth in range(1, 44)]


def test_the_proofs_exist() -> None:
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    known = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}
    named = {name for row in rows().values() for name in re.findall(r"`(test_\w+)`", row)}
    assert len(named) > 40 and named <= known, named - known
    assert all("`test_" in row or "missing" in row for row in rows().values())
