"""The dialects that access keys may be of, in the order in which they are offered.

Each has a row in `doors/management/tongues.py`, which what is pure, the console and commands over the API don't see; a
test holds the two together.
"""

OWN = "upwell"  # whose keys are tokens
DIALECTS = (OWN, "alibaba", "tuya", "huawei")
