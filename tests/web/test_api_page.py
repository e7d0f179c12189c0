"""The API for people: every field has a meaning, every answer an example that fits its schema."""

from __future__ import annotations

import re

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from server_client import ask

from streams.web.openapi import DOCUMENT

SCHEMAS = DOCUMENT["components"]["schemas"]


def fields(schema, place):
    for name, each in schema.get("properties", {}).items():
        yield f"{place}.{name}", each
        yield from fields(each, f"{place}.{name}")
        yield from fields(each.get("items", {}), f"{place}.{name}")


def test_every_field_is_described():
    everything = [each for name, schema in SCHEMAS.items() for each in fields(schema, name)]

    assert len(everything) > 100
    assert not [place for place, each in everything if not each.get("description")]


@pytest.mark.parametrize("path", [path for path in DOCUMENT["paths"] if path.startswith("/api")])
def test_every_answer_has_an_example_that_fits(path):
    content = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
    for kind, each in content.items():
        if kind == "application/json" and each["schema"]:
            schema = each["schema"] | {"components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(each["example"])


def test_the_page_names_every_path_field_and_example():
    answer = ask("/api")
    text = answer.body.decode()

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert all(f'id="{path}"' in text for path in DOCUMENT["paths"])
    assert all(f'id="{name}"' in text for name in SCHEMAS)
    assert text.count("An example") >= 7
    assert "<script" not in text
    assert not re.search(r"\bstyle=", text)
    assert ask("/static/api.css").status == 200
