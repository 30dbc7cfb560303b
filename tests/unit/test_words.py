"""One word, one thing: what `docs/glossary.md` says names nothing names no module, sheet or public class of the core.

A dialect may speak as its vendor does.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "upwell"
TABLE = re.compile(r"^## Words that name nothing$.*?^\|---.*?\n(?P<rows>(?:\|.*\n)+)", re.M | re.S)


def forbidden() -> list[str]:
    """The first column of the table."""
    found = TABLE.search((ROOT / "docs" / "glossary.md").read_text("utf-8"))
    assert found is not None
    return [row.split("|")[1].strip() for row in found["rows"].splitlines()]


def is_named(name: str, word: str) -> bool:
    """Whether one of the words that a name is made of is this one, or of its family where it ends in a star."""
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    stem = word.rstrip("*")
    return any(
        part.startswith(stem) if word.endswith("*") else part in (stem, f"{stem}s", f"{stem}es") for part in parts
    )


def names() -> dict[str, str]:
    """Where a name stands, and the name."""
    found: dict[str, str] = {}
    for path in [*CORE.rglob("*.py"), *CORE.rglob("sql/*.sql")]:
        place = path.relative_to(CORE)
        if place.parts[0] == "dialects":
            continue
        found[str(place)] = place.parent.name if path.stem == "__init__" else path.stem
        if path.suffix == ".py":
            tree = ast.parse(path.read_text("utf-8"))
            classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
            found |= {f"{place}: {name}": name for name in classes if not name.startswith("_")}
    return found


def test_no_name_says_what_names_nothing() -> None:
    words = forbidden()
    assert {"rule", "batch", "window"} <= set(words)
    said = {where for where, name in names().items() if any(is_named(name, word) for word in words)}
    assert said == set()


def test_words_are_found_inside_names() -> None:
    assert is_named("BatchShown", "batch") and is_named("batch_views", "batch") and is_named("batches", "batch")
    assert is_named("windows", "window") and is_named("Negotiated", "negotiat*") and is_named("RuleAction", "rule")
    assert not is_named("database", "base") and not is_named("ruler", "rule") and not is_named("commonly", "common")
