"""The pages that people read: whole, well formed, and sufficient to themselves."""

import base64
import hashlib
import re
import shlex
from collections import Counter
from html.parser import HTMLParser

import pytest

from upwell.dialects.upwell import codes, management, openapi, reference

PAGES = {reference.ROOT: reference.page(openapi.document("1.2.3")), codes.DOCS: reference.problems()}
VOID = {"meta", "br"}


class Page(HTMLParser):
    """What is in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.links: set[str] = set()
        self.tags: Counter[str] = Counter()
        self.styles: list[str] = []
        self.examples: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not given.keys() - {"id", "href", "lang", "charset", "name", "content", "class", "tabindex",
                                   "aria-label", "aria-labelledby"}  # fmt: skip
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids[str(given["id"])] += 1
        if "aria-labelledby" in given:
            self.links.add(f"#{given['aria-labelledby']}")
        if tag == "a":
            self.links.add(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.styles.append(data)
        if self.open and self.open[-1] == "pre":
            self.examples.append(data)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_well_formed_and_asks_for_nothing_else(path: str) -> None:
    page = Page(PAGES[path])
    assert not page.open and set(page.ids.values()) == {1}
    [style] = page.styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = reference.HEADERS["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy and policy.startswith("default-src 'none'")
    assert not page.tags.keys() & {"script", "img", "link", "iframe", "form", "input", "object", "base"}
    assert "url(" not in style and "@import" not in style and "://" not in PAGES[path]


def test_every_link_leads_somewhere() -> None:
    pages = {path: Page(text) for path, text in PAGES.items()}
    for path, page in pages.items():
        for link in page.links:
            where, _, anchor = link.partition("#")
            where = where or path
            assert where in (*pages, reference.DOCUMENT), link
            assert not anchor or anchor in pages[where].ids, link


def test_every_operation_shape_and_problem_is_told() -> None:
    text, page = PAGES[reference.ROOT], Page(PAGES[reference.ROOT])
    for name, row in management.OPERATIONS.items():
        section = re.search(f'<h3 id="{name}">.*?</section>', text, re.DOTALL)
        assert section, name
        assert ("Needs no key." if row.is_open else f"Needs the role {row.role}.") in section[0], name
        assert row.path in section[0] and row.is_open != ("Bearer $TOKEN" in section[0]), name
        for param in (*row.ids, *row.query, *row.heads, *row.params):
            assert f"<code>{param.name}</code>" in section[0], (name, param.name)
        assert row.shape is None or row.tells or f'href="#shape-{row.shape.name}"' in section[0], name
    assert len(page.examples) == len(management.OPERATIONS)
    for example in page.examples:
        assert shlex.split(example)[0] == "curl" and example.count("$V1/") == 1
    assert set(codes.TABLE) <= set(Page(PAGES[codes.DOCS]).ids)
