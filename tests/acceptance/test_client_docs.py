"""The blocks of docs/client.md run as they are printed, one after another, against a real server."""

import re
from pathlib import Path

import pytest

from acceptance.client import Server

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_block_runs_as_printed(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(BLOCKS) >= 5 and {language for language, _ in BLOCKS} == {"python"}
    monkeypatch.setenv("UPWELL_URL", f"http://{server.http}")
    monkeypatch.setenv("UPWELL_TOKEN", server.new_key("client", "admin", "upwell").secret)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "client_md"}
    for _, text in BLOCKS:
        exec(compile(text, "client.md", "exec"), names)
    told = capsys.readouterr().out
    assert told.startswith("not-found There is no device nobody. ") and "300000 of 300000 bytes" in told
    for each in ("upwell", "patient"):
        names[each].close()  # type: ignore[attr-defined]
