"""The OpenAPI 3.1 description of the API, as served at /api/v1/openapi.json."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from streams.classify.keys import FILTERS, SHIFT_DIMENSIONS, TENANT
from streams.shares.history import STEPS
from streams.shares.windows import WINDOW_NAMES
from streams.shifts.alert_rules import SHIFT_WINDOWS
from streams.shifts.series import SHIFT_MEASURES
from streams.web.api_words import example
from streams.web.openapi_schemas import SCHEMAS, TEXT, list_of, of
from streams.web.query import FORMATS, LATEST_UNIX_SECONDS, SHARE_DIMENSIONS

if TYPE_CHECKING:
    from streams.web.openapi_schemas import Schema


def _parameter(name: str, description: str, schema: Schema, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    }


def _choice(name: str, description: str, values: tuple[str, ...], default: str) -> Schema:
    return _parameter(
        name, description, {"type": "string", "enum": list(values), "default": default}
    )


def _pick(name: str, values: tuple[str, ...]) -> Schema:
    schema = {"type": "string", "enum": list(values)}
    return _parameter(name, f"The shift's {name}.", schema, required=True)


_FORMAT = _choice("format", "CSV has one row per key, and is a download.", FORMATS, FORMATS[0])
_TIME: Final[Schema] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": LATEST_UNIX_SECONDS},
        {"type": "string", "enum": ["2026-11-01", "2026-11-01T12:00:00Z"]},
    ]
}
_A_TIME: Final = "Unix seconds, or ISO 8601 (UTC without a zone)"


def _answer(description: str, schema: str, *, csv: bool = False) -> Schema:
    content: Schema = {
        "application/json": {"schema": of(schema), "example": example(of(schema), SCHEMAS)}
    }
    if csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    return {"description": description, "content": content}


def _problem(description: str) -> Schema:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": of("Problem")}},
    }


_MISDIRECTED: Final[Schema] = {
    "421": _problem(
        "Without a token: the Host header is neither an IP address nor localhost nor listed in "
        "TOKENSHARE_WEB_HOSTS."
    )
}


def _get(summary: str, answer: Schema, *parameters: Schema, **others: Schema) -> Schema:
    """Describe a path of the API; every path may require a token and names its response body."""
    return {
        "get": {
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                "200": answer,
                "304": {"description": "Not changed since the ETag in If-None-Match."},
                "400": _problem("An unknown parameter, or a wrong value."),
                "401": _problem("The token of TOKENSHARE_WEB_TOKEN is missing or wrong."),
            }
            | _MISDIRECTED
            | others,
            "security": [{}, {"bearer": []}, {"basic": []}],
        }
    }


def _open(summary: str, responses: Schema) -> Schema:
    responses = responses | _MISDIRECTED
    return {"get": {"summary": summary, "responses": responses, "security": []}}


_OF_TENANTS: Final = (
    "Only this tenant, by its keyed hash; with origin or language alone. Counted by the hour, for "
    "nine days: windows of 24h and 7d, steps of 1h and longer."
)
_FILTERS: Final = tuple(
    _parameter(
        each,
        _OF_TENANTS
        if each == TENANT
        else f"Only what has this {each}; filters combine, language with origin only.",
        TEXT | {"not": {"enum": ["other", "unknown"] if each == TENANT else ["other"]}},
    )
    for each in FILTERS
)
_NOT_TOGETHER: Final = {"409": _problem("Dimensions that are not counted together.")}


DOCUMENT: Final[Schema] = {
    "openapi": "3.1.0",
    "info": {
        "title": "tokenshare",
        "version": version("tokenshare"),
        "summary": "Live shares of an LLM gateway's tokens by origin and language.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "paths": {
        "/api/v1/shares": _get(
            "All windows: counts and shares by dimension, of everything or of a part.",
            _answer("The current snapshot.", "Shares", csv=True),
            _parameter(
                "dimensions",
                "Only these, by default all but tenant, which the windows 24h and 7d have; joint "
                "is origin and language together. A CSV has no joint.",
                list_of({"type": "string", "enum": list(SHARE_DIMENSIONS)}),
            )
            | {"style": "form", "explode": False},
            *_FILTERS,
            _FORMAT,
            **_NOT_TOGETHER,
        ),
        "/api/v1/history": _get(
            "Counts over time; ascending points, only those with data.",
            _answer("The points.", "History", csv=True),
            _parameter(
                "dimension",
                "joint is origin and language together; models beyond the largest are `other`; "
                "tenant is by the hour, for nine days.",
                {"type": "string", "enum": list(SHARE_DIMENSIONS)},
                required=True,
            ),
            _parameter(
                "step",
                "Kept: 10s 70 minutes, 5m 25 hours, 1h 37 days, 1d and 1w two years (UTC).",
                {"type": "string", "enum": list(STEPS)},
                required=True,
            ),
            _parameter("start", f"{_A_TIME}; the step that holds it is the first.", _TIME),
            _parameter(
                "end",
                f"{_A_TIME}, not included; up to start there are no points.",
                _TIME,
            ),
            *_FILTERS,
            _FORMAT,
            **_NOT_TOGETHER,
            **{"503": _problem("Too many long queries are waiting.")},
        ),
        "/api/v1/unknown": _get(
            "Models of unknown origin by tokens, with entries for the overrides file.",
            _answer("The models.", "Unknown"),
            _choice("window", "The window.", WINDOW_NAMES, WINDOW_NAMES[-1]),
        ),
        "/api/v1/shifts": _get(
            "How far each share has shifted from its baseline; see docs/alerts.md.",
            _answer("Every key, window and measure.", "Shifts"),
        ),
        "/api/v1/shifts/movers": _get(
            "Which models and tenants moved a share; their contributions add up to the shift.",
            _answer("The movers.", "Moved", csv=True),
            _pick("dimension", SHIFT_DIMENSIONS),
            _parameter("key", "A key of /api/v1/shifts.", {"type": "string"}, required=True),
            _pick("measure", SHIFT_MEASURES),
            _pick("window", SHIFT_WINDOWS),
            _FORMAT,
            **{
                "404": _problem("The shift does not exist."),
                "503": _problem("Too many long queries are waiting."),
            },
        ),
        "/api/v1/notes": _get(
            "Known events, from the file of TOKENSHARE_NOTES; see docs/alerts.md.",
            _answer("The notes.", "Notes"),
        ),
        "/api/v1/policy": _get(
            "What groups of tenants sent to origins that TOKENSHARE_POLICY excludes for them.",
            _answer("The groups, by window; no tenant is named.", "Policy"),
        ),
        "/api/v1/events": {
            "get": {
                "summary": "Server-sent events: `picture`, whenever there are new numbers.",
                "responses": {
                    "200": {
                        "description": "An endless stream.",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    "401": _problem("The token of TOKENSHARE_WEB_TOKEN is missing or wrong."),
                    "503": _problem("Too many listeners."),
                }
                | _MISDIRECTED,
                "security": [{}, {"bearer": []}, {"basic": []}],
            }
        },
        "/api/v1/openapi.json": _get(
            "This document.",
            {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {}}}},
        ),
        "/healthz": _open(
            "200 while the process responds.", {"200": _answer("It responds.", "Health")}
        ),
        "/readyz": _open(
            "Whether the figures are reliable yet.",
            {"200": _answer("Ready.", "Readiness"), "503": _answer("Not ready.", "Readiness")},
        ),
        "/metrics": _open(
            "Prometheus.",
            {
                "200": {
                    "description": "Text format or OpenMetrics, as the Accept header asks.",
                    "content": {
                        "text/plain": {"schema": {"type": "string"}},
                        "application/openmetrics-text": {"schema": {"type": "string"}},
                    },
                }
            },
        ),
    },
    "components": {
        "schemas": SCHEMAS,
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {
                "type": "http",
                "scheme": "basic",
                "description": "The token as password, with any user name: for browsers.",
            },
        },
    },
}
