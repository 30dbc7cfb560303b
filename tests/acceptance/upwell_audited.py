"""What the audit must hold of the answers that a client of `/v1` has heard: each changing operation that was done has
one entry, by its request's id; each refused one is in one, or is counted in it; reading has none; no secret that the
server has, and none that an answer told, is in any. Which operations change is read from the table.
"""

import json
from collections import Counter
from typing import Any

from acceptance.client import Server
from acceptance.leaks import CHARS_MIN, secrets_of
from acceptance.upwell_client import Api
from upwell.dialects.upwell.management import OPERATIONS

CHANGING = {name for name, row in OPERATIONS.items() if row.method != "GET"}


def audited(server: Server, api: Api) -> list[dict[str, Any]]:
    """The entries of the key, all that it did and was refused."""
    text = server.run("audit", "export")
    entries = [json.loads(line) for line in text.splitlines()]
    ours = [each for each in entries if each["who"] == api.token.rpartition("_")[0]]
    assert {each["operation"] for each in ours} <= CHANGING
    assert len({each["request_id"] for each in ours}) == len(ours)
    assert {each["request_id"]: each["operation"] for each in ours if each["result"] == "done"} == api.done
    times: Counter[tuple[str, str]] = Counter()
    for each in ours:
        if each["result"] != "done":
            times[each["operation"], each["result"]] += each["times"]
    assert times == api.refusals
    assert {(each["tongue"], each["address"]) for each in ours} <= {("upwell", "127.0.0.1")}
    assert all(each["account"] for each in ours)
    known = secrets_of(server.data_dir) | api.secrets | {api.token, api.token.rpartition("_")[2]}
    assert not [each for each in known if len(each) >= CHARS_MIN and each in text]
    return ours
