"""What `make docs` does beside mkdocs: pages and files that lie outside of docs/ come along, and it is told how many
blocks nothing here runs.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[1]
PAGES = {"security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site that whoever opens the repository looks for at its top."""
_DEPLOYED = re.compile(r"\]\((?:\.\./)+(deploy/[^)#]+)")
_AT_TOP = re.compile(r"\]\((?:\.\./)+(SECURITY|CHANGELOG)\.md")
_BLOCK = re.compile(r"^```\w+$", re.MULTILINE)
_NOT_RUN = re.compile(r"^not run: .", re.MULTILINE)
_counted = {"blocks": 0, "not run": 0}


def on_files(files: Files, config: Any) -> Files:
    """The pages of the top, and the files that pages point to, are part of the site."""
    tops = {page: _moved((TOP / name).read_text("utf-8")) for page, name in PAGES.items()}
    for page, text in tops.items():
        files.append(File.generated(config, page, content=text))
    texts = [path.read_text("utf-8") for path in sorted(Path(config["docs_dir"]).rglob("*.md"))]
    for path in {found for text in [*texts, *tops.values()] for found in _DEPLOYED.findall(text)}:
        files.append(File.generated(config, path, content=(TOP / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to them lead there."""
    _counted["blocks"] += len(_BLOCK.findall(markdown))
    _counted["not run"] += len(_NOT_RUN.findall(markdown))
    up = "../" * page.file.src_uri.count("/")
    linked = _AT_TOP.sub(lambda found: f"]({up}{found[1].lower()}.md", markdown)
    return _DEPLOYED.sub(rf"]({up}\1", linked)


def on_post_build(**_: Any) -> None:
    """How far the pages are tried."""
    print(f"{_counted['blocks']} blocks of code, of which {_counted['not run']} are run by nothing here and say why")


def _moved(text: str) -> str:
    """A page of the top as if it lay in docs/."""
    return re.sub(r"\]\((deploy/)", r"](../\1", text.replace("](docs/", "]("))
