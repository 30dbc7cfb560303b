"""The site of the pages: every page stands in its list, and what pages outside of docs/ link to exists."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
BESIDE = {"security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}  # tools/docs_site.py brings them


def test_every_page_is_listed_once() -> None:
    listed = re.findall(r"[\w./-]+\.md", (TOP / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2])
    pages = [str(path.relative_to(TOP / "docs")) for path in (TOP / "docs").rglob("*.md")]
    assert sorted(listed) == sorted([*pages, *BESIDE])
    assert not [name for name in BESIDE.values() if not (TOP / name).is_file()]


@pytest.mark.parametrize("name", ["README.md", *BESIDE.values()])
def test_a_link_of_a_page_beside_docs_leads_somewhere(name: str) -> None:
    """`make docs` looks at the links within docs/ alone."""
    found = re.findall(r"\]\((?!https?:)([^)#\s]+)", (TOP / name).read_text("utf-8"))
    assert not [link for link in found if not (TOP / link).exists()]
    assert found or name == "CHANGELOG.md"
