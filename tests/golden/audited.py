"""What the audit must hold of the answers that a stage has heard: each changing operation that was done has one entry,
by its request's id; each refused one of a known caller is in one, or is counted in it; reading has none; no secret that
the server has or that an answer told as leave to upload is in any.

Which operations change is read from the dialects' tables. The records play every operation of them
(`test_complete.py`, `test_huawei.py`), so this is a proof for each.
"""

import importlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.golden.book import Raw

from acceptance.client import Server
from acceptance.leaks import CHARS_MIN, secrets_of
from upwell.dialects.huawei import management as huawei
from upwell.dialects.operations import Operation
from upwell.dialects.spoken import DIALECTS, OWN
from upwell.domain.errors import CallerError

TABLES: dict[str, dict[str, Operation]] = {
    dialect: importlib.import_module(f"upwell.dialects.{dialect}.management").OPERATIONS
    for dialect in DIALECTS
    if dialect != OWN
}
CHANGING = {dialect: {name for name, row in table.items() if row.role != "viewer"} for dialect, table in TABLES.items()}
UPLOAD = "upload a file of targets"
CHANGING["huawei"].add(UPLOAD)
_REQUEST_ID = re.compile(r'(?:"(?i:request_?id)":"|<RequestId>)([0-9A-Za-z-]+)')
_CODE = re.compile(r'(?:"(?:[Cc]ode|error_code)":"?|<Code>)([0-9A-Za-z_.]+)')
_LEAVE = re.compile(r'"(?i:signature|policy)":"([^"]{16,})"')


@dataclass
class Heard:
    """The answers to changing operations of one chapter."""

    dialect: str
    done: dict[str, str] = field(default_factory=dict)  # operation by the request's id
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # operation and code, of callers that are known
    perhaps: Counter[tuple[str, str]] = field(default_factory=Counter)  # of those that may be
    leaves: set[str] = field(default_factory=set)

    def note(self, operation: str, raw: Raw, *, certain: bool) -> None:
        """One answer; `certain` says that it was read and that its signature held."""
        text = raw.body.decode("utf-8", "replace")
        self.leaves |= set(_LEAVE.findall(text))
        if operation not in CHANGING[self.dialect]:
            return
        found = _REQUEST_ID.search(text)
        request_id = dict(raw.headers or {}).get("x-request-id") or (found[1] if found else "")
        assert request_id, text
        code = self._code(raw, text)
        if not code:
            self.done[request_id.lower()] = operation  # Tuya's tongue tells the same number in small letters
        else:
            (self.refused if certain else self.perhaps)[operation, code] += 1

    def _code(self, raw: Raw, text: str) -> str:
        if self.dialect == "huawei" and raw.status < 300:
            return ""
        if self.dialect != "huawei" and re.search(r'"(?i:success)":true|<Success>true', text):
            return ""
        found = _CODE.search(text)
        return found[1] if found else str(raw.status)

    def check(self, server: Server) -> None:
        """At the end of a chapter."""
        text = server.run("audit", "export")
        entries: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        ours = [each for each in entries if each["tongue"] == self.dialect and each["operation"] != "sign in"]
        assert {each["operation"] for each in ours} <= CHANGING[self.dialect]
        assert len({each["request_id"] for each in ours}) == len(ours)
        found = {each["request_id"].lower(): each["operation"] for each in ours if each["result"] == "done"}
        assert found == self.done
        times: Counter[tuple[str, str]] = Counter()
        for each in ours:
            if each["result"] != "done":
                times[each["operation"], each["result"]] += each["times"]
        assert all(times[kind] >= n for kind, n in self.refused.items()), self.refused - times
        assert all(n <= self.refused[kind] + self.perhaps[kind] for kind, n in times.items()), times - self.refused
        assert all(each["who"] and each["address"] and each["account"] for each in ours)
        assert all(len(json.dumps(each[part])) <= 2100 for each in entries for part in ("ids", "changes"))
        secrets = {each for each in secrets_of(server.data_dir) | self.leaves if len(each) >= CHARS_MIN}
        assert secrets and not [each for each in secrets if each in text]


def operation_of(method: str, path: str) -> str:
    """What a request line asks of Huawei's; empty where it leads nowhere."""
    if huawei.upload_project(method, path) is not None:
        return UPLOAD
    try:
        return huawei.route(method, path).name
    except CallerError:
        return ""
