"""The pages that people read: the reference of `/v1`, made of its OpenAPI document, and what each problem means.

Holds: a page says what the document says, and asks for nothing else: its style stands in it and is the one that its
Content-Security-Policy allows, it has no script, picture, font or form, and leads nowhere but to pages beside it.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

from upwell.dialects.upwell.codes import DOCS, TABLE

ROOT: str = "/v1/docs"
DOCUMENT = "/v1/openapi.json"
HTML_TYPE = "text/html"
Schema = Mapping[str, Any]

_STYLE = """
:root{color-scheme:light dark;--text:#1c2024;--soft:#58616b;--line:#d5dade;--back:#fff;--pane:#f4f6f8;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--text:#e4e7ea;--soft:#a2abb5;--line:#3a4149;--back:#15181b;--pane:#1f2428;
--link:#7db8f5}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);overflow-wrap:anywhere}
a{color:var(--link)}a:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}.skip:focus{left:1rem;top:1rem;background:var(--back);padding:.5rem}
nav,main{padding:1rem;max-width:56rem}
nav{border-bottom:1px solid var(--line)}
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1rem}nav ul ul{display:none}
nav a{display:inline-block;padding:.15rem 0}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.35rem;margin:3rem 0 0;border-bottom:2px solid var(--line)}
h3{font-size:1.05rem;margin:2.5rem 0 .25rem}h4{font-size:.95rem;margin:1rem 0 .25rem}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:var(--pane);border:1px solid var(--line);border-radius:.3rem;padding:.6rem;margin:.5rem 0;
white-space:pre-wrap}
.verb{display:inline-block;min-width:4.2em;font-weight:700}
.soft,dt span{color:var(--soft);font-weight:400}
dl{margin:.25rem 0}dt{margin-top:.5rem;font-weight:600}dd{margin:0 0 0 1.25rem}
p{margin:.4rem 0}
@media(min-width:64rem){body{display:grid;grid-template-columns:19rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;border:0;border-right:1px solid var(--line);font-size:.9rem}
nav ul{display:block}nav ul ul{display:block;padding-left:.75rem;margin-bottom:.75rem}main{padding:1rem 2rem}}
""".strip()
_ALLOWED = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_ALLOWED}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""What the pages are sent with."""


def page(document: Schema) -> str:
    """The reference of the API that the document describes."""
    groups: dict[str, list[tuple[str, str, Schema]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, rows in document["paths"].items():
        for method, row in rows.items():
            groups[row["tags"][0]].append((method.upper(), path, row))
    info, schemas = document["info"], document["components"]["schemas"]
    operations = "".join(_group(name, rows, document) for name, rows in groups.items())
    answers = "".join(f'<h3 id="shape-{name}">{name}</h3>{_shape(schema)}' for name, schema in schemas.items())
    body = (
        f"<h1>{escape(info['title'])} API</h1><p>{_words(info['description'])}</p>"
        f'<p>Version {escape(info["version"])}. The same as <a href="{DOCUMENT}">OpenAPI 3.1</a>.'
        f' What a refusal means: <a href="{DOCS}">problems</a>.</p>'
        f"<p>In the examples <code>$TOKEN</code> is a key's token and <code>$V1</code> this server's address with"
        f" <code>/v1</code>; words in capitals stand for values of yours.</p>"
        f'{operations}<h2 id="answers">Answers</h2>{answers}'
    )
    links = "".join(_links(name, rows) for name, rows in groups.items())
    return _html(f"{info['title']} API", links + '<li><a href="#answers">answers</a></li>', body)


def problems() -> str:
    """The page that the types of problems lead to."""
    parts = (
        f'<h3 id="{code}"><code>{code}</code> <span class="soft">{each.status}</span></h3>'
        f"<p>{_words(each.title)}</p><p>{_words(each.advice)}</p>"
        for code, each in TABLE.items()
    )
    head = "<h1>Problems</h1><p>What the <code>type</code> of a refusal means, and what to do.</p>"
    return _html("Problems of Upwell", f'<li><a href="{ROOT}">Reference</a></li>', head + "".join(parts))


def _html(title: str, links: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        '<a class="skip" href="#content">Skip to the content</a>'
        f'<nav aria-label="Parts of this page"><ul>{links}</ul></nav><main id="content">{body}</main></body></html>'
    )


def _links(name: str, rows: Iterable[tuple[str, str, Schema]]) -> str:
    inner = "".join(
        f'<li><a href="#{row["operationId"]}">{escape(row["operationId"].replace("_", " "))}</a></li>'
        for _, _, row in rows
    )
    return f'<li><a href="#tag-{name}">{escape(name.replace("_", " "))}</a><ul>{inner}</ul></li>'


def _group(name: str, rows: Iterable[tuple[str, str, Schema]], document: Schema) -> str:
    parts = "".join(_operation(method, path, row, document) for method, path, row in rows)
    return f'<h2 id="tag-{name}">{escape(name.replace("_", " ").capitalize())}</h2>{parts}'


def _operation(method: str, path: str, row: Schema, document: Schema) -> str:
    name = row["operationId"]
    params = [_resolved(param, document) for param in row.get("parameters", ())]
    content = row.get("requestBody", {}).get("content", {})
    return "".join((
        f'<section aria-labelledby="{name}"><h3 id="{name}">{_words(row["summary"])}</h3>',
        f'<p><code><span class="verb">{method}</span>{escape(path)}</code></p><p>{_words(row["description"])}</p>',
        _part("Parameters", "".join(_parameter(param) for param in params)),
        _part("Body", _body(content)),
        _part("Answer", _answers(row["responses"])),
        f'<pre tabindex="0" aria-label="Example of {name}">{escape(_example(method, path, row, params))}</pre>',
        "</section>",
    ))  # fmt: skip


def _part(title: str, inner: str) -> str:
    return f"<h4>{title}</h4><dl>{inner}</dl>" if inner else ""


def _resolved(given: Schema, document: Schema) -> Schema:
    ref = given.get("$ref")
    return document["components"]["parameters"][ref.rpartition("/")[2]] if ref else given


def _parameter(param: Schema) -> str:
    schema = {**param["schema"], **({"description": param["description"]} if "description" in param else {})}
    return _member(param["name"], schema, param["required"], of=param["in"])


def _body(content: Schema) -> str:
    told = ""
    for media, each in content.items():
        schema = each["schema"]
        if schema["type"] == "object":
            told += "".join(_members(schema, "")) + _together(schema)
        else:
            told += f"<dt>{escape(media)}</dt><dd>as it is, of any length that the operation takes</dd>"
    return told


def _together(schema: Schema) -> str:
    """Which members come with which."""
    one = [" and ".join(each["required"]) for each in schema.get("oneOf", ())]
    told = [f"Exactly one of {', '.join(one)}."] if one else []
    told += [f"Not {' with '.join(each['not']['required'])}." for each in schema.get("allOf", ())]
    told += [f"{name} only with {', '.join(needs)}." for name, needs in schema.get("dependentRequired", {}).items()]
    return f"<dt><span>together</span></dt><dd>{escape(' '.join(told))}</dd>" if told else ""


def _members(schema: Schema, place: str) -> Iterator[str]:
    """The members of an object, and of those in it, by their paths."""
    needed = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        yield _member(place + name, inner, name in needed)
        items = inner.get("items", inner)
        if "properties" in items:
            yield from _members(items, f"{place}{name}{'[]' if 'items' in inner else ''}.")


def _member(name: str, schema: Schema, needed: bool, of: str = "") -> str:
    about = ", ".join(filter(None, (of, _kind(schema), "required" if needed else "")))
    said = _words("; ".join(_said(schema)))
    return f"<dt><code>{escape(name)}</code> <span>{escape(about)}</span></dt>" + (f"<dd>{said}</dd>" if said else "")


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"array of {_kind(schema['items'])}"
    return str(schema.get("format") or schema.get("type") or "")


def _said(schema: Schema) -> Iterator[str]:
    if "description" in schema:
        yield schema["description"]
    elif "minLength" in schema or "maxLength" in schema:
        yield f"{schema.get('minLength', 0)} to {schema['maxLength']} characters"
    if "enum" in schema:
        yield "one of " + ", ".join(f"`{json.dumps(each) if each is True else each}`" for each in schema["enum"])
    if "minimum" in schema:
        yield f"{schema['minimum']:,} to {schema['maximum']:,}"
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']:,}"
    if "default" in schema:
        yield f"`{json.dumps(schema['default']).strip(chr(34))}` where none is given"


def _answers(responses: Schema) -> str:
    told = ""
    refused = []
    for status, answer in responses.items():
        if "$ref" in answer:
            refused.append(status)
            continue
        told += f"<dt>{status} <span>{_words(answer['description'])}</span></dt><dd>{_links_to(answer)}</dd>"
    return told + f'<dt>{", ".join(refused)}</dt><dd>a <a href="{DOCS}">problem</a></dd>'


def _links_to(answer: Schema) -> str:
    """The shape that an answer is of, or its items are."""
    told = [_of_shape(media, each["schema"]) for media, each in answer.get("content", {}).items()]
    return ", ".join(told) or "no body"


def _of_shape(media: str, schema: Schema) -> str:
    inner = schema.get("properties", {})
    if "items" in inner:
        what = "a page" if "next_cursor" in inner else "all"
        return f"{what}, each of <code>items</code> {_link(inner['items']['items'])}"
    if "$ref" in schema:
        return _link(schema)
    return f"{escape(media)}: {_words(schema.get('description', 'a line each, behind a header'))}"


def _link(schema: Schema) -> str:
    shape = _kind(schema)
    return f'<a href="#shape-{shape}">{shape}</a>'


def _shape(schema: Schema) -> str:
    return f"<p>{_words(schema.get('description', ''))}</p><dl>{''.join(_members(schema, ''))}</dl>"


def _words(text: str) -> str:
    """The text, what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


# --- examples -------------------------------------------------------------------------------------------------------


def _example(method: str, path: str, row: Schema, params: Iterable[Schema]) -> str:
    """A line of a shell that asks so."""
    place = re.sub(r"{(\w+)}", lambda found: found[1].upper(), path)
    query = "&".join(
        f"{param['name']}={param['name'].upper()}" for param in params if param["in"] == "query" and param["required"]
    )
    words = [
        "curl",
        *(["-X", method] if method in ("PUT", "PATCH", "DELETE") else []),
        *(['-H "Authorization: Bearer $TOKEN"'] if row.get("security") != [] else []),
    ]
    for media, each in row.get("requestBody", {}).get("content", {}).items():
        if each["schema"]["type"] == "object":
            sample = json.dumps(_sample("", each["schema"]))
            words += ["-H 'Content-Type: application/json'", f"-d '{sample}'"]
        else:
            words += [*(["-X", method] if method == "POST" else []), f"-H 'Content-Type: {media}'", "-T FILE"]
        break
    else:
        words += ["-X POST"] if method == "POST" else []
    return " ".join((*words, f'"$V1{place}{"?" if query else ""}{query}"'))


def _sample(name: str, schema: Schema) -> Any:
    """A value of that kind; an object has what it must have."""
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"type": "object", "properties": properties}:
            names = [*schema.get("required", ()), *next((each["required"] for each in schema.get("oneOf", ())), ())]
            names = names or list(properties)[:1]
            return {each: _sample(each, properties[each]) for each in names}
        case {"type": "object"}:
            return {"KEY": "VALUE"}
        case {"type": "array"}:
            return [_sample(name.removesuffix("s"), schema["items"])]
        case {"type": "boolean"}:
            return True
        case {"type": "integer" | "number"}:
            return schema.get("default", schema.get("minimum", 1))
    return name.upper()
