"""The blocks of the pages about moving run as they are printed, by the vendors' own SDKs, against a real server."""

import re
from pathlib import Path

import pytest

from acceptance.client import Server

FOLDER = Path(__file__).parents[2] / "docs" / "moving"


@pytest.mark.parametrize("vendor", ["alibaba", "tuya", "huawei"])
def test_every_block_runs_as_printed(server: Server, monkeypatch: pytest.MonkeyPatch, vendor: str) -> None:
    page = (FOLDER / f"{vendor}.md").read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks and {language for language, _ in blocks} == {"python"}
    key = server.new_key(f"moving-{vendor}", "admin", vendor)
    for name, value in (("KEY_ID", key.id), ("KEY_SECRET", key.secret), ("UPWELL_HTTP", server.http)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PROJECT_ID", key.project_id)
    names = {"__name__": f"moving_{vendor}"}
    for _, text in blocks:
        exec(compile(text, f"{vendor}.md", "exec"), names)
