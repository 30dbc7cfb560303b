"""What somebody has seen who followed docs/ten-minutes.md."""

import json
import re
from collections.abc import Mapping

DEVICES = 20


def updated(told: Mapping[str, str]) -> None:
    """That all of the fleet runs the new firmware, as `upwell`, each device and the console say."""
    assert "The first user" in told["the link"] and 'name="password"' in told["the link"]
    assert "signed in to http://127.0.0.1:8686" in told["upwell login http://127.0.0.1:8686 --key"]
    [rollout] = [said for first, said in told.items() if first.startswith("PACKAGE=")]
    assert re.search(rf"succeeded +{DEVICES}", rollout) and f"100 % of {DEVICES} devices ended" in rollout, rollout
    assert re.search(r" 1 +passed +2 ", rollout), rollout
    [listed] = [said for first, said in told.items() if first.startswith("upwell device list")]
    rows = re.findall(r"^(lamp_lamp-\d+) +\w+ +2\.0 ", listed, re.MULTILINE)
    assert len(set(rows)) == len(rows) == DEVICES, listed
    assert re.search(r"task +arrived +in_progress → succeeded", listed), listed
    played = json.loads(told["upwell simulate"])
    assert (played["as_scripted"], played["outcomes"], played["problems"]) == (DEVICES, {"SUCCEEDED": DEVICES}, [])
    assert "Traceback" not in told["upwell serve"] and "server stopped" in told["upwell serve"]
