"""Write upwell/client/{shapes,operations,async_operations}.py from the OpenAPI document, which is made of the table of
operations: the types of what is asked and told, and a method for each operation.

Run: python tools/client.py (writes the files) or python tools/client.py --check (fails when one is stale).
"""

import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upwell.dialects.upwell.openapi import document

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "src" / "upwell" / "client"
Schema = Mapping[str, Any]
LINE = 120
HEAD = "Written by tools/client.py from the table of operations; do not edit."
TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, Any]"}
BY_HAND = ("create_import", "put_upload_part")  # bodies that are no JSON: methods of the clients themselves


def camel(name: str) -> str:
    """CreateRollout of create_rollout."""
    return "".join(word.capitalize() for word in name.split("_"))


class Shapes:
    """The TypedDicts."""

    def __init__(self, parameters: Mapping[str, Schema]) -> None:
        self.written: dict[str, str] = {}
        self.parameters = parameters

    def type_of(self, schema: Schema, name: str, *, told: bool) -> str:
        """The type of a value; an object inside of another is a TypedDict of that name. What is told may get new words,
        so its enums are plain texts."""
        if "$ref" in schema:
            return str(schema["$ref"]).rpartition("/")[2]
        if "enum" in schema and not told and schema.get("type") != "boolean":
            return f"Literal[{', '.join(map(repr, schema['enum']))}]"
        if "const" in schema:
            return type(schema["const"]).__name__
        if "anyOf" in schema:
            return " | ".join(self.type_of(each, name, told=told) for each in schema["anyOf"])
        match schema.get("type"):
            case "array":
                return f"list[{self.type_of(schema['items'], name.removesuffix('s'), told=told)}]"
            case "object" if "properties" in schema:
                self.write(name, schema, told=told)
                return name
            case "object" if isinstance(inner := schema.get("additionalProperties"), Mapping):
                return f"dict[str, {self.type_of(inner, name, told=told)}]"
        return TYPES[schema.get("type", "object")]

    def write(self, name: str, schema: Schema, *, told: bool) -> None:
        """The TypedDict of an object."""
        needed = schema.get("required", ())
        if any(map(keyword.iskeyword, schema["properties"])):
            self.written[name] = self._called(name, schema, told=told)
            return
        lines = [f"class {name}(TypedDict):"]
        if "description" in schema:
            lines += [textwrap.indent(doc(schema["description"]), "    "), ""]
        for member, inner in schema["properties"].items():
            kind = self.type_of(inner, name + camel(member), told=told)
            lines.append(f"    {member}: {kind if member in needed else f'NotRequired[{kind}]'}")
            if said := inner.get("description") if told else None:
                lines.append(textwrap.indent(doc(said[0].upper() + said[1:]), "    "))
        self.written[name] = "\n".join(lines)

    def _called(self, name: str, schema: Schema, *, told: bool) -> str:
        """The same of one with members that are words of Python."""
        needed, members = schema.get("required", ()), []
        for member, inner in schema["properties"].items():
            kind = self.type_of(inner, name + camel(member), told=told)
            members.append(f"{member!r}: {kind if member in needed else f'NotRequired[{kind}]'}")
        return f"{name} = TypedDict({name!r}, {{{', '.join(members)}}})"

    def text(self) -> str:
        """The file."""
        body = "\n\n\n".join(self.written.values())
        head = f'"""What is asked and told, by its members.\n\n{HEAD}\n"""'
        imports = "from __future__ import annotations\n\nfrom typing import Any, Literal, NotRequired, TypedDict"
        return f"{head}\n\n{imports}\n\n\n{body}\n"


@dataclass(frozen=True)
class Method:
    """One operation as a method: what it takes, and how it is asked for."""

    name: str
    verb: str
    path: str
    row: Schema
    shapes: Shapes

    @property
    def ids(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query(self) -> list[Schema]:
        return [each for each in self._parameters() if each["in"] == "query"]

    def _parameters(self) -> list[Schema]:
        """Those of the row; those that many rows share are named there and written elsewhere."""
        shared = self.shapes.parameters
        return [shared.get(str(each.get("$ref")).rpartition("/")[2], each) for each in self.row.get("parameters", ())]

    @property
    def body(self) -> Schema:
        content = self.row.get("requestBody", {}).get("content", {})
        return dict(content.get("application/json", {}).get("schema", {}))

    def takes(self) -> Iterator[str]:
        """The arguments, ids first."""
        yield from (f"{name}: str" for name in self.ids)
        needed: list[tuple[str, str]] = []
        more: list[tuple[str, str]] = []
        for each in self.query:
            kind = self.shapes.type_of(each["schema"], camel(self.name) + camel(each["name"]), told=False)
            (needed if each["required"] else more).append((each["name"], kind))
        for name, schema in self.body.get("properties", {}).items():
            kind = self.shapes.type_of(schema, camel(self.name) + camel(name), told=False)
            (needed if name in self.body.get("required", ()) else more).append((name, kind))
        named = [f"{name}: {kind}" for name, kind in needed] + [f"{name}: {kind} | None = None" for name, kind in more]
        named += self._promises()
        yield from (["*", *named] if named else [])

    def _promises(self) -> list[str]:
        headers = {each["name"] for each in self._parameters() if each["in"] == "header"}
        if "Idempotency-Key" in headers:
            return ["idempotency_key: str | None = None"]
        return ["if_match: Mapping[str, Any] | str | None = None"] if "If-Match" in headers else []

    def asks(self) -> str:
        """The request."""
        template = re.sub(r"{\w+}", "{}", self.path)
        where = f'path("{template}", {", ".join(self.ids)})' if self.ids else f'"{template}"'
        parts = [f'"{self.verb}"', where]
        if names := [each["name"] for each in self.query]:
            parts.append(f"query={{{', '.join(f'{name!r}: {name}' for name in names)}}}")
        if "requestBody" in self.row:
            parts.append(f"body={{{', '.join(f'{name!r}: {name}' for name in self.body.get('properties', {}))}}}")
        if self.verb == "POST" and not self._promises():
            parts.append("keyed=False")
        parts += [f"{each}={each}" for each in (p.partition(":")[0] for p in self._promises())]
        return f"ask({', '.join(parts)})"

    def gives(self) -> tuple[str, str]:
        """By which of the client's ways the answer is had, and the name of what it tells."""
        [success] = [told for status, told in self.row["responses"].items() if status.startswith("2")]
        if set(success.get("content", {})) - {"application/json"}:
            return "_stream", ""
        schema = success.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return "_none", ""
        if "$ref" in schema:
            return "_one", schema["$ref"].rpartition("/")[2]
        item = self.shapes.type_of(schema["properties"]["items"]["items"], camel(self.name) + "Item", told=True)
        return ("_pages" if "next_cursor" in schema["properties"] else "_many"), item

    def text(self, *, awaits: bool) -> str:
        """The method's source."""
        way, kind = self.gives()
        a = "Async" if awaits else ""
        told = {"_none": "None", "_stream": f"{a}Iterator[bytes]", "_one": f"s.{kind}", "_many": f"list[s.{kind}]",
                "_pages": f"{a}Pages[s.{kind}]"}[way]  # fmt: skip
        takes = [re.sub(r"\b(?=[A-Z]\w+\b)(?!Any\b|Mapping\b|Literal\b|None\b)", "s.", each) for each in self.takes()]
        is_async = awaits and way not in ("_pages", "_stream")
        call = f"{'await ' if is_async else ''}self.{way}({self.asks()}{f', s.{kind}' if kind else ''})"
        lines = [f"{'async ' if is_async else ''}def {self.name}(", "    self, " + ", ".join(takes)]
        lines += [f") -> {told}:", doc_of(self), f"    {call}" if way == "_none" else f"    return {call}"]
        return "\n".join(lines)


def doc(text: str) -> str:
    """A docstring, folded."""
    lines = textwrap.wrap(text, LINE - 14)
    return '"""' + "\n".join(lines) + '"""'


def doc_of(method: Method) -> str:
    text = f"{method.row['summary']} {method.row['description']} `{method.verb} /v1{method.path}`"
    return textwrap.indent(doc(text), "    ")


def operations(methods: list[Method], *, awaits: bool) -> str:
    """The file of one of the clients."""
    kind, of, pages = ("AsyncOperations", "Awaiting", "AsyncPages") if awaits else ("Operations", "Blocking", "Pages")
    head = (
        f'"""The operations of `/v1`, each a method of its operationId{", awaited" if awaits else ""}.\n\n{HEAD}\n"""'
    )
    imports = (
        "from __future__ import annotations\n\n"
        "from collections.abc import AsyncIterator, Iterator, Mapping\nfrom typing import Any, Literal\n\n"
        "from upwell.client import shapes as s\n"
        f"from upwell.client.{of.lower()} import {of}\n"
        "from upwell.client.asking import ask, path\n"
        f"from upwell.client.http import {pages}\n"
    )
    text = "\n\n".join(textwrap.indent(method.text(awaits=awaits), "    ") for method in methods)
    first = f'class {kind}({of}):\n    """What may be asked."""\n\n{text}\n'
    return f"{head}\n\n{imports}\n\n{first}"


def files() -> dict[Path, str]:
    """Every file with its text."""
    api = document("")
    shapes = Shapes(api["components"].get("parameters", {}))
    for name, schema in api["components"]["schemas"].items():
        if not name.startswith("Problem"):
            shapes.write(name, schema, told=True)
    methods = [
        Method(row["operationId"], verb.upper(), path, row, shapes)
        for path, rows in api["paths"].items()
        for verb, row in rows.items()
        if row["operationId"] not in BY_HAND
    ]
    written = {
        "operations.py": operations(methods, awaits=False),
        "async_operations.py": operations(methods, awaits=True),
    }
    return {FOLDER / name: formed(text, name) for name, text in (written | {"shapes.py": shapes.text()}).items()}


def formed(text: str, name: str) -> str:
    """As ruff writes it, imports in order and without those that nothing needs."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    at = ["--stdin-filename", str(FOLDER / name), "-"]
    for command in (["check", "-q", "--fix-only", "--select", "F401,I", *at], ["format", "-q", *at]):
        done = subprocess.run([ruff, *command], input=text, capture_output=True, text=True, check=True, cwd=TOP)
        text = done.stdout
    return text


def main() -> int:
    """Write the files, or only compare them."""
    made = files()
    if "--check" in sys.argv[1:]:
        return int(any(not path.exists() or path.read_text("utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
