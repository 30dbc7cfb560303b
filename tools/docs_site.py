"""What `make docs` does beside mkdocs: files that pages point to outside of docs/ come along, and it is told how many
blocks nothing here runs.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

BESIDE = Path(__file__).parents[1]
_LINK = re.compile(r"\]\(\.\./(deploy/[^)#]+)")
_BLOCK = re.compile(r"^```\w+$", re.MULTILINE)
_NOT_RUN = re.compile(r"^not run: .", re.MULTILINE)
_counted = {"blocks": 0, "not run": 0}


def on_files(files: Files, config: Any) -> Files:
    """The files that pages point to are part of the site."""
    for page in sorted(Path(config["docs_dir"]).rglob("*.md")):
        for path in _LINK.findall(page.read_text("utf-8")):
            if files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, content=(BESIDE / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to them lead there."""
    _counted["blocks"] += len(_BLOCK.findall(markdown))
    _counted["not run"] += len(_NOT_RUN.findall(markdown))
    return _LINK.sub(r"](\1", markdown)


def on_post_build(**_: Any) -> None:
    """How far the pages are tried."""
    print(f"{_counted['blocks']} blocks of code, of which {_counted['not run']} are run by nothing here and say why")
