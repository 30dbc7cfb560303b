"""The site of the pages: every page stands in its list."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_every_page_is_listed_once() -> None:
    listed = re.findall(r"[\w./-]+\.md", (TOP / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2])
    pages = [str(path.relative_to(TOP / "docs")) for path in (TOP / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(pages)
