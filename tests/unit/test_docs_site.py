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


@pytest.mark.parametrize("name", ["dialect", "hardening", "capacity", "safe-rollouts"])
def test_what_a_page_names_exists(name: str) -> None:
    """Paths of the repository, commands of make, and words of the code where a page is about that."""
    page = (TOP / "docs" / f"{name}.md").read_text("utf-8")
    paths = set(re.findall(r"\b((?:src|tests|tools|docs|deploy|bench)/[\w./-]*\w/?)", page)) - {
        "src/upwell/dialects/VENDOR/"
    }
    assert not [path for path in paths if not (TOP / path).exists()]
    goals = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", page)) <= goals
    modules = {"python -m " + ".".join(p.relative_to(TOP).with_suffix("").parts) for p in (TOP / "bench").glob("*.py")}
    assert set(re.findall(r"python -m bench\.\w+", page)) <= modules
    if name == "dialect":
        code = "".join(
            p.read_text("utf-8") for top in ("src/upwell/doors", "tests/toy") for p in (TOP / top).rglob("*.py")
        )
        words = set(re.findall(r"`([A-Z][A-Za-z]+|more_tongues|more_faces|by_token)`", page)) - {"VENDOR"}
        assert len(words) > 8 and not [word for word in words if not re.search(rf"\b{word}\b", code)]


def test_what_bench_is_asked_for_is_a_part_of_it() -> None:
    parts = set(re.findall(r"make bench ARGS=(\w+)", (TOP / "docs" / "capacity.md").read_text("utf-8")))
    text = (TOP / "bench" / "main.py").read_text("utf-8")
    assert parts and not [part for part in parts if f'"{part}"' not in text]


def test_a_setting_that_hardening_names_is_one() -> None:
    settings = (TOP / "docs" / "settings.md").read_text("utf-8")
    serve = (TOP / "docs" / "hardening.md").read_text("utf-8").replace("systemd-analyze security --offline=yes", "")
    known = {"--dialect", "--role", "--days", "--read-only", "--tmpfs", "--cap-drop", "--security-opt"}
    assert not [option for option in set(re.findall(r"--[a-z][\w-]+", serve)) - known if option not in settings]


BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n(?:\n(not run: [^\n]+))?", re.MULTILINE | re.DOTALL)
RUN_BY = {
    "README.md": "tests/acceptance/test_readme.py",
    "docs/scripts.md": "tests/acceptance/test_readme.py",
    "docs/api.md": "tests/acceptance/test_api_docs.py",
    "docs/events.md": "tests/acceptance/test_api_docs.py",
    "docs/client.md": "tests/acceptance/test_client_docs.py",
    "docs/moving/alibaba.md": "tests/acceptance/test_moving_docs.py",
    "docs/moving/tuya.md": "tests/acceptance/test_moving_docs.py",
    "docs/moving/huawei.md": "tests/acceptance/test_moving_docs.py",
    "docs/safe-rollouts.md": "tests/acceptance/test_safe_rollouts.py",
    "docs/ten-minutes.md": "tests/acceptance/test_installed.py",
    "docs/walk.md": "tests/acceptance/test_walk.py",
    "docs/audit.md": "tests/acceptance/test_operator_docs.py",
    "docs/backup.md": "tests/acceptance/test_operator_docs.py",
    "docs/console.md": "tests/acceptance/test_operator_docs.py",
    "docs/doctor.md": "tests/acceptance/test_operator_docs.py",
    "docs/metrics.md": "tests/acceptance/test_operator_docs.py",
    "docs/objects-and-push.md": "tests/acceptance/test_operator_docs.py",
    "docs/traces.md": "tests/acceptance/test_traces.py",
}
"""Which test tries the blocks of a page that say nothing."""
SHOWN = {"mermaid": "a picture", "text": "what is printed, or the usage that the program prints"}


def pages_with_blocks() -> list[str]:
    pages = [TOP / "README.md", *(TOP / "docs").rglob("*.md")]
    texts = {str(page.relative_to(TOP)): page.read_text("utf-8") for page in pages if page.parent.name != "adr"}
    return sorted(name for name, text in texts.items() if BLOCK.search(text))


@pytest.mark.parametrize("name", pages_with_blocks())
def test_each_block_is_tried_or_says_why_not(name: str) -> None:
    """Issue 15, number 10. A page's test reads the page by its name."""
    text = (TOP / name).read_text("utf-8")
    silent = [(language, block) for language, block, why in BLOCK.findall(text) if not why and language not in SHOWN]
    assert len(re.findall("^```", text, re.MULTILINE)) == 2 * len(BLOCK.findall(text)), "a block ends where it should"
    if not silent:
        assert name not in RUN_BY, "nothing is left to try"
        return
    test = TOP / RUN_BY[name]
    assert Path(name).stem in test.read_text("utf-8"), (test, silent)


@pytest.mark.parametrize("name", [name for name in pages_with_blocks() if name != "docs/cli.md"])
def test_a_command_is_no_text(name: str) -> None:
    """`text` is what nobody types, so no block escapes by it."""
    of_text = [block for language, block, why in BLOCK.findall((TOP / name).read_text("utf-8"))
               if language == "text" and not why]  # fmt: skip
    assert not [block for block in of_text if re.search(r"^(sudo|upwell|curl|cp|docker|kubectl) ", block, re.MULTILINE)]
