"""The API for people: a page made of the OpenAPI document, without any script."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from streams.web.assets import CONTENT_TYPES, REVALIDATE, Asset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def page(document: Mapping[str, Any]) -> Asset:
    """Return the page that describes the API."""
    return Asset("".join(_html(document)).encode(), CONTENT_TYPES[".html"], REVALIDATE)


def _html(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The API of {escape(info['title'])}</title>"
        '<link rel="stylesheet" href="static/api.css"></head><body><main>'
        f"<h1>The API of {escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['summary'])} The same for programs, as OpenAPI 3.1: "
        '<a href="api/v1/openapi.json">openapi.json</a>. <a href="./">The page</a>.</p><nav><ul>'
    )
    for path in document["paths"]:
        yield f'<li><a href="#{escape(path)}">{escape(path)}</a></li>'
    yield "</ul></nav>"
    for path, methods in document["paths"].items():
        yield from _path(path, methods["get"])
    yield "<h2>What is in the answers</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield from _schema(name, schema)
    yield "</main></body></html>"


def _path(path: str, asked: Mapping[str, Any]) -> Iterator[str]:
    yield f'<section><h2 id="{escape(path)}"><code>GET {escape(path)}</code></h2>'
    yield f"<p>{escape(asked['summary'])}</p>"
    parameters = asked.get("parameters", [])
    if parameters:
        rows = [
            (
                each["name"] + (" (required)" if each["required"] else ""),
                _kind(each["schema"]),
                each["description"],
            )
            for each in parameters
        ]
        yield from _table(("Parameter", "Value", "Meaning"), rows)
    rows = [
        (status, ", ".join(each.get("content", {})), each["description"])
        for status, each in asked["responses"].items()
    ]
    yield from _table(("Status", "Type", "Meaning"), rows)
    content = asked["responses"]["200"].get("content", {}).get("application/json", {})
    if "$ref" in content.get("schema", {}):
        name = content["schema"]["$ref"].rpartition("/")[2]
        yield f'<p>Fields: <a href="#{escape(name)}">{escape(name)}</a>.</p>'
    if "example" in content:
        body = json.dumps(content["example"], indent=2, ensure_ascii=False)
        yield f"<details><summary>An example</summary><pre>{escape(body)}</pre></details>"
    yield "</section>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<section><h3 id="{escape(name)}">{escape(name)}</h3>'
    if "description" in schema:
        yield f"<p>{escape(schema['description'])}</p>"
    yield from _table(("Field", "Value", "Meaning"), list(_fields(schema, "")))
    yield "</section>"


def _fields(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield each field with those inside it: name, kind, meaning."""
    for name, each in schema.get("properties", {}).items():
        yield f"{prefix}{name}", _kind(each), each.get("description", "")
        yield from _fields(each, f"{prefix}{name}.")
        yield from _fields(each.get("items", {}), f"{prefix}{name}[].")


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(each) or "(empty)" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    # It scrolls by itself on a narrow screen, so a keyboard has to reach it.
    yield '<div class="scroll" tabindex="0"><table><thead><tr>'
    yield from (f'<th scope="col">{escape(each)}</th>' for each in heads)
    yield "</tr></thead><tbody>"
    for first, *others in rows:
        yield f'<tr><th scope="row"><code>{escape(first)}</code></th>'
        yield from (f"<td>{escape(each)}</td>" for each in others)
        yield "</tr>"
    yield "</tbody></table></div>"
