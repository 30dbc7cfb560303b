"""Release notes as pages show them: CommonMark, as markdown-it-py reads it, which is well kept and comes with rich.

Holds: no HTML of the notes' own is one, no picture is fetched, a link goes by http, https or mailto alone and tells
nobody where it was; headings stand below those of the page. What comes out has no style and no script, so that the
pages' policy forbids none of it.
"""

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

SCHEMES = ("https://", "http://", "mailto:")
NESTED_MAX = 20  # lists in lists, emphasis in emphasis: what is deeper stays as it is written
_BELOW, _DEEPEST = 3, 6  # h1 of the notes is an h4 under the page's h2 and h3
_REL = "noopener noreferrer nofollow"


class _Reader(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return url.lower().startswith(SCHEMES)


@cache
def _reader() -> MarkdownIt:
    return _Reader("commonmark", {"html": False, "maxNesting": NESTED_MAX}).disable("image")


def drawn(text: str) -> Markup:
    """The notes as HTML."""
    reader = _reader()
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _BELOW, _DEEPEST)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("rel", _REL)
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704  # of no HTML but the reader's own
