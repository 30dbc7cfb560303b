"""How Huawei's scenes are written down: steps in their order, named by the operation and what it is to show."""

from collections.abc import Mapping
from typing import Any

from tests.golden import huawei_tables as tables
from tests.golden.book import Step


class Script:
    """Steps in their order."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, name: str, ask: dict[str, Any], shows: str = "", until: Mapping[str, Any] | None = None) -> None:
        self.steps.append(Step(name=name, ask=ask, shows=shows, until=dict(until or {})))

    def call(
        self, operation: str, words: str, *, shows: str = "", ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | list[list[str]] | None = None, until: Mapping[str, Any] | None = None, **more: Any,
    ) -> str:  # fmt: skip
        """One call of an operation; the name of its step."""
        line = tables.line(operation)
        for name, value in (ids or {}).items():
            line = line.replace(f"{{{name}}}", value)
        ask: dict[str, Any] = {"ask": line}
        pairs = query if isinstance(query, list) else [[name, str(value)] for name, value in (query or {}).items()]
        if pairs:
            ask["query"] = pairs
        self.add(f"{operation}: {words}", ask | more, shows, until)
        return f"{operation}: {words}"

    def full(self, operation: str, words: str = "full", **more: Any) -> str:
        return self.call(operation, words, shows="full", **more)

    def refused(self, operation: str, words: str, **more: Any) -> str:
        return self.call(operation, words, shows="refusal", **more)

    def pages(self, operation: str, query: Mapping[str, Any], at: str = "page.marker", **more: Any) -> None:
        """A list of exactly three: whole, its last page by marker and by offset, and what follows it."""
        self.full(operation, "all", query=query, **more)
        first = self.call(operation, "first page", query={**query, "limit": 2}, **more)
        marker = f"{{{{{first}|{at}}}}}"
        last = self.call(
            operation, "last page by marker", shows="last page", query={**query, "limit": 2, "marker": marker}, **more
        )
        after = f"{{{{{last}|{at}}}}}"
        self.call(operation, "after the last page", shows="empty", query={**query, "marker": after}, **more)
        self.call(operation, "last page by offset", shows="last page", query={**query, "limit": 2, "offset": 2}, **more)
        self.call(operation, "past the end by offset", shows="empty", query={**query, "offset": 3}, **more)

    def run(self, name: str, *command: str, given: str = "") -> None:
        self.add(name, {"run": list(command), "given": given})

    def put(self, key: str, text: str, name: str = "") -> None:
        self.add(name or f"object {key}", {"put": key, "text": text})

    def logs_in(self, device: str, secret: str) -> None:
        self.add(f"{device} logs in {len(self.steps)}", {"device": device, "logs_in": secret})

    def says(self, device: str, event: str, paras: Any, **more: Any) -> None:
        self.add(f"{device} says {event} {len(self.steps)}", {"device": device, "says": event, "paras": paras} | more)

    def hears(self, device: str, what: str) -> str:
        self.add(f"{device} hears {what}", {"device": device, "hears": 1}, "full")
        return f"{device} hears {what}"

    def leaves(self, device: str) -> None:
        self.add(f"{device} leaves {len(self.steps)}", {"device": device, "leaves": 1})


def of(step: str, path: str) -> str:
    """The place of what a step answered."""
    return f"{{{{{step}|{path}}}}}"
