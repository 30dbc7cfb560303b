"""How the scenes of the RPC dialects are written, and the refusals that follow from their tables of operations.

Read at recording alone: what is asked is kept in the record, so that a change of the tables changes no replay."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.golden.book import Step

IMAGE = "the image of a firmware, of some bytes"
SIZE = len(IMAGE)
MD5, SHA256 = (hashlib.new(method, IMAGE.encode()).hexdigest() for method in ("md5", "sha256"))

FORM_FROM = 1000  # values of a list that are sent in a form
NEW = {("RegisterDevice", "DeviceName"), ("CreateOTAModule", "ModuleName")}  # what is not there is made

Given = Mapping[str, Any]


class Scene:
    """Steps in order. A step's name is its Action, with a number when it comes again; or the name that it is given."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._times: dict[str, int] = {}

    def add(
        self, name: str, ask: dict[str, Any], shows: str = "", until: Given | None = None, loose: Given | None = None
    ) -> str:
        """One step; its name."""
        times = self._times[name] = self._times.get(name, 0) + 1
        name = name if times == 1 else f"{name} {times}"
        self.steps.append(Step(name=name, ask=ask, shows=shows, until=dict(until or {}), loose=dict(loose or {})))
        return name

    def do(
        self, action: str, given: Given | None = None, shows: str = "", *, name: str = "", until: Given | None = None,
        loose: Given | None = None, **more: Any,
    ) -> str:  # fmt: skip
        """Ask an operation; `more` are the other members of the ask."""
        ask = {"do": action} | ({"with": dict(given)} if given else {}) | more
        return self.add(name or action, ask, shows, until, loose)

    def refused(self, action: str, given: Given | None = None, why: str = "", **more: Any) -> str:
        """Ask what must be refused, and why."""
        return self.do(action, given, "refused", name=f"{action}: {why}" if why else "", **more)

    def device(self, who: str, say: str, **more: Any) -> None:
        """What a device does."""
        self.add(f"{who} {say}", {"device": who, "say": say, **more})


# --- refusals by the table --------------------------------------------------------------------------------------------


def by_table(scene: Scene, operations: Mapping[str, Any], good: Mapping[str, Given], unknown: Given) -> None:
    """For each operation, beside a request that could be served (`good`): each required parameter missing, a value that
    breaks each rule, each thing named that is not there (`unknown`), and the role that may not."""
    for action, operation in operations.items():
        given = dict(good[action])
        if operation.role != "viewer":
            scene.refused(action, given, "by a viewer", by="viewer")
        for param in operation.params:
            if param.required:
                scene.refused(action, _without(given, param.name), f"no {param.name}")
            for what, value in _wrong(param):
                form = {"method": "POST"} if param.most > FORM_FROM else {}  # too long for a query
                scene.refused(action, given | {param.name: value}, f"{param.name} {what}", **form)
            for what, name, value in _misspelt(param):
                scene.refused(action, _without(given, param.name) | {name: value}, f"{param.name} {what}")
        for name, value in unknown.items():
            if name in given and (action, name) not in NEW:
                several = isinstance(given[name], list) and not isinstance(value, list)
                scene.do(action, given | {name: [value] if several else value}, name=f"{action}: unknown {name}")


def _without(given: Given, name: str) -> dict[str, Any]:
    return {each: value for each, value in given.items() if each != name}


def _wrong(param: Any) -> Iterator[tuple[str, Any]]:
    """Values that break a rule of a parameter, each with a word for it."""
    if param.members:
        yield from _wrong_structs(param)
    elif param.kind == "list":
        yield "too many", {"many": param.most + 1, "as": "name{}"}
        yield "empty inside", ["some", ""]
        if param.unique:
            yield "twice", ["some", "some"]
        if param.check:
            yield from ((what, [value]) for what, value in _broken(param.check))
    else:
        if param.selects:
            yield "empty", ""
        yield from _malformed(param.kind)
        if param.check:
            yield from _broken(param.check)


def _malformed(kind: str) -> Iterator[tuple[str, Any]]:
    if kind in ("int", "long"):
        yield "no number", "x"
        yield "far too large", "9999999999999999999"
    elif kind == "bool":
        yield "no boolean", "maybe"
    else:
        yield "with NUL", "a\0b"


def _broken(rule: Any) -> Iterator[tuple[str, Any]]:
    kind = type(rule).__name__
    if kind == "Range":
        yield "below", rule.low - 1
        if rule.high < 2**31 - 1:
            yield "above", rule.high + 1
    elif kind == "OneOf":
        yield "none of them", 77 if isinstance(rule.values[0], int) else "NONSENSE"
    elif kind in ("Length", "Width"):
        yield "too long", "a" * (rule.high + 1)
        if rule.low > 1:
            yield "too short", "a" * (rule.low - 1)
        if kind == "Width":
            yield "of other letters", "a b!"
    else:
        yield "not as it must be", "!"


def _wrong_structs(param: Any) -> Iterator[tuple[str, Any]]:
    whole = {member.name: "some" for member in param.members}
    one = dict(list(whole.items())[:1])
    if param.most <= 200:
        yield "too many", [one | whole for _ in range(param.most + 1)]
    for member in param.members:
        if member.required and len(whole) > 1:
            yield f"without {member.name}", [_without(whole, member.name)]
        for what, value in [*_malformed(member.kind), *(_broken(member.check) if member.check else ())]:
            yield f"with {member.name} {what}", [whole | {member.name: value}]


def _misspelt(param: Any) -> Iterator[tuple[str, str, str]]:
    """A name that is nearly the parameter's: what is wrong, the name, a value."""
    if param.members:
        yield "of no member", f"{param.name}.1.Nothing", "some"
    elif param.kind == "list":
        yield "without a number", param.name, "some"
    elif len(param.name) > 6:
        yield "misspelt", f"{param.name[:-1]}", "1"
