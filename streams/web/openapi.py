"""The OpenAPI 3.1 description of the API, as served at /api/v1/openapi.json."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from streams.classify.keys import ALL_DIMENSIONS, DIMENSIONS, PAIRS, SHIFT_DIMENSIONS
from streams.classify.origin.values import ORIGINS
from streams.shares.history import STEPS
from streams.shares.measures import MEASURES
from streams.shares.windows import WINDOW_NAMES
from streams.shifts.alert_rules import SHIFT_WINDOWS
from streams.shifts.notes_file import MAX_KEY, MAX_NOTES, MAX_TEXT
from streams.shifts.series import SHIFT_MEASURES
from streams.web.api_words import described, example
from streams.web.query import FORMATS, LATEST_UNIX_SECONDS

Schema = dict[str, Any]

_NUMBER: Final[Schema] = {"type": "number"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TEXT: Final[Schema] = {"type": "string"}
_YES: Final[Schema] = {"type": "boolean"}
_RATIO: Final[Schema] = {
    "type": ["number", "null"],
    "minimum": 0,
    "maximum": 1,
    "description": "Null where the window is empty.",
}

_SIGNED: Final[Schema] = {"type": ["number", "null"]}
_SIZE: Final[Schema] = {"type": ["number", "null"], "minimum": 0}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {name: described(name, each) for name, each in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def _optional(schema: Schema, *names: str) -> Schema:
    return schema | {"required": [name for name in schema["required"] if name not in names]}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(name: str, description: str) -> Schema:
    return {"anyOf": [_of(name), {"type": "null"}], "description": description}


_MORE = {
    "uncached_tokens": {
        "type": ["integer", "null"],
        "description": "Tokens without cache reads; null where they are not known.",
    },
    "cost": {
        "type": ["number", "null"],
        "description": "US dollars of the requests that have a price; null where none has.",
    },
}
_COUNTS = {
    "tokens": _COUNT,
    "requests": _COUNT,
    "output_tokens": _COUNT,
    **_MORE,
    **{f"{measure}_ratio": _RATIO for measure in MEASURES},
}
_SCHEMAS: Final[Schema] = {
    "Problem": _object(
        type=_TEXT,
        title=_TEXT,
        status={"type": "integer"},
        detail=_TEXT,
        remedy=_TEXT | {"description": "What to do about it."},
    )
    | {"description": "An error, after RFC 9457."},
    "Share": _optional(
        _object(
            key=_TEXT,
            name=_TEXT | {"description": "Display name of the key."},
            origin=_TEXT | {"enum": list(ORIGINS), "description": "Of a model."},
            **_COUNTS,
        ),
        "name",
        "origin",
    ),
    "Window": _optional(
        _object(
            seconds=_COUNT,
            start=_NUMBER,
            end=_NUMBER,
            requests=_COUNT,
            tokens=_COUNT,
            prompt_tokens=_COUNT,
            completion_tokens=_COUNT,
            output_tokens=_COUNT,
            **_MORE,
            priced_ratio=_RATIO | {"description": "Part of the tokens that has a price."},
            estimated_ratio=_RATIO
            | {"description": "Part of the tokens whose price is an estimate."},
            measured_ratio=_RATIO
            | {"description": "Part counted by a version that knows of prices and cache reads."},
            **{dimension: _list(_of("Share")) for dimension in DIMENSIONS},
            **{
                name: _list(_object(**dict.fromkeys(pair, _TEXT), **_COUNTS))
                for name, pair in PAIRS.items()
            },
        ),
        *ALL_DIMENSIONS,
    )
    | {"description": "With the requested dimensions."},
    "UnknownModel": _object(
        model=_TEXT,
        tokens=_COUNT,
        requests=_COUNT,
        matched_by=_TEXT | {"description": "Why its origin is unknown."},
        override=_TEXT | {"description": "An entry for the overrides file (TOML)."},
    ),
    "Partition": _object(
        partition=_COUNT,
        position={"type": ["integer", "null"]},
        end_offset={"type": ["integer", "null"]},
        lag={"type": ["integer", "null"]},
        newest={"type": ["number", "null"], "description": "Newest event time, unix seconds."},
        owned=_YES,
        lost={
            "type": "object",
            "additionalProperties": _COUNT,
            "description": "Requests that the changelog has lost for good, by level.",
        },
    ),
    "Shares": _object(
        as_of=_NUMBER | {"description": "Watermark that all windows end at, unix seconds."},
        generated_at=_NUMBER,
        ready=_YES,
        reasons=_list(_TEXT),
        simulated=_YES,
        windows={
            "type": "object",
            "properties": {name: described(name, _of("Window")) for name in WINDOW_NAMES},
            "additionalProperties": False,
        },
        unknown=_list(_of("UnknownModel")),
        pipeline=_object(
            lag={"type": ["integer", "null"]},
            late=_COUNT,
            rejected=_COUNT,
            unread=_object(
                count=_COUNT | {"description": "Skipped items whose usage no reader takes."},
                last={"type": ["number", "null"], "description": "The newest event time then."},
                sources=_list(_object(format=_TEXT, source=_TEXT, count=_COUNT)),
            ),
            partitions=_list(_of("Partition")),
            records=_list(_object(result=_TEXT, reason=_TEXT, count=_COUNT)),
        ),
    ),
    "History": _object(
        dimension=_TEXT | {"enum": list(ALL_DIMENSIONS)},
        step=_TEXT | {"enum": list(STEPS)},
        seconds=_COUNT,
        as_of=_NUMBER,
        points=_list(
            _object(
                start=_NUMBER,
                requests=_COUNT,
                tokens=_COUNT,
                prompt_tokens=_COUNT,
                completion_tokens=_COUNT,
                **_MORE,
                cells={
                    "type": "object",
                    "description": "key -> [tokens, requests, prompt_tokens, completion_tokens, "
                    "uncached_tokens, cost]; the last two as beside it.",
                    "additionalProperties": {
                        "type": "array",
                        "items": {"type": ["number", "null"], "minimum": 0},
                        "minItems": 6,
                        "maxItems": 6,
                    },
                },
                priced_tokens=_COUNT | {"description": "Tokens of the requests that have a price."},
                estimated_tokens=_COUNT
                | {"description": "The part of them whose price is an estimate."},
                measured_tokens=_COUNT
                | {"description": "Tokens whose cache reads would have been counted."},
            )
        ),
    ),
    "Unknown": _object(
        as_of=_NUMBER,
        window=_TEXT | {"enum": list(WINDOW_NAMES)},
        models=_list(_of("UnknownModel")),
        **_COUNTS,
    ),
    "Note": _object(
        start=_NUMBER | {"description": "Unix seconds, as end."},
        end=_SIGNED | {"description": "The end of a period; null of a moment."},
        text=_TEXT | {"maxLength": MAX_TEXT},
        dimension=_TEXT
        | {"enum": ["", *SHIFT_DIMENSIONS], "description": "Empty where it is on no key alone."},
        key=_TEXT | {"maxLength": MAX_KEY},
    ),
    "Notes": _object(
        notes=_list(_of("Note")) | {"maxItems": MAX_NOTES, "description": "Oldest first."},
        read_at=_SIGNED | {"description": "When the file was read; null without a file."},
        is_current={
            "type": ["boolean", "null"],
            "description": "False where a fault in the file keeps the notes read before.",
        },
        omitted=_COUNT | {"description": "Older notes beyond the limit."},
    ),
    "Shift": _object(
        dimension=_TEXT | {"enum": list(SHIFT_DIMENSIONS)},
        key=_TEXT,
        name=_TEXT | {"description": "Display name of the key."},
        measure=_TEXT | {"enum": list(SHIFT_MEASURES)},
        window=_TEXT | {"enum": list(SHIFT_WINDOWS)},
        share=_RATIO,
        baseline=_RATIO
        | {
            "description": "Expected share, from the seven days before; for 7d the share of the 28 "
            "days before."
        },
        shift=_SIGNED | {"description": "share - baseline."},
        standard_error=_SIZE,
        usual_spread=_SIZE,
        zscore=_SIGNED
        | {
            "description": "shift / max(usual_spread, standard_error), for 7d without jumps; null "
            "in the first 21 days."
        },
        detectable=_SIZE | {"description": "The smallest shift that could alert now."},
        without_top_tenant=_SIGNED,
        evidence_requests={"type": "number", "minimum": 0},
        since=_SIZE
        | {"description": "When a drift (7d) began, in unix seconds; null for other windows."},
        peak=_SIZE
        | {"description": "Largest share of a day in 28 days; for models and developers only."},
        developer=_TEXT | {"description": "Of a model or developer, else empty."},
        origin=_TEXT | {"description": "Of a model, or of most tokens of a developer, else empty."},
        is_shifted=_YES | {"description": "Whether the alert's conditions hold now."},
        sentence={
            "type": ["string", "null"],
            "description": "The shift, what moved it and what is noted, in words; null where "
            "is_shifted is not.",
        },
        notes=_list(_of("Note"))
        | {"description": "Known events that it may be due to; none where is_shifted is not."},
    ),
    "Shifts": _object(
        as_of=_NUMBER
        | {"description": "0 until shifts are computed, about half a minute after the start."},
        baseline_days=_NUMBER
        | {"minimum": 0, "description": "Days of history; of cost it may be shorter."},
        needed_days=_COUNT | {"description": "Days of history before shifts are reported."},
        shifts=_list(_of("Shift")),
    ),
    "Movers": _object(
        movers=_list(
            _object(
                name=_TEXT,
                contribution=_NUMBER,
                share=_NUMBER,
                before=_NUMBER,
                kind=_TEXT | {"enum": ["mix", "new", "gone"]},
            )
        ),
        rest=_NUMBER | {"description": "Contribution of all others; the sum is the shift."},
        rest_members=_COUNT,
        mix=_NUMBER | {"description": "Contribution of members present before and now."},
        arrival=_NUMBER | {"description": "Contribution of members that appeared or disappeared."},
    ),
    "Moved": _object(
        as_of=_NUMBER,
        dimension=_TEXT,
        key=_TEXT,
        measure=_TEXT,
        window=_TEXT,
        shift=_NUMBER,
        sentence=_TEXT | {"description": "The shift and what moved it, in words."},
        notes=_list(_of("Note")) | {"description": "Known events that it may be due to."},
        models=_maybe("Movers", "Null for a language: models are not counted by language."),
        joint=_maybe("Movers", "An origin's by language, a language's by origin."),
        tenants=_maybe("Movers", "By keyed hash; null of cost, and where requests name none."),
        tenants_note={
            "type": ["string", "null"],
            "description": "Of cost, that tenants are not counted by it; else null.",
        },
    ),
    "Health": _object(status=_TEXT),
    "Readiness": _object(ready=_YES, reasons=_list(_TEXT)),
}


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
_TIME: Final[Schema] = {"type": "number", "minimum": 0, "maximum": LATEST_UNIX_SECONDS}


def _answer(description: str, schema: str, *, csv: bool = False) -> Schema:
    content: Schema = {
        "application/json": {"schema": _of(schema), "example": example(_of(schema), _SCHEMAS)}
    }
    if csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    return {"description": description, "content": content}


def _problem(description: str) -> Schema:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _of("Problem")}},
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
            "All windows: counts and shares by origin, language, developer and model.",
            _answer("The current snapshot.", "Shares", csv=True),
            _parameter(
                "dimensions",
                "Only these; joint is origin and language together. A CSV has no joint.",
                _list({"type": "string", "enum": list(ALL_DIMENSIONS)}),
            )
            | {"style": "form", "explode": False},
            _FORMAT,
        ),
        "/api/v1/history": _get(
            "Counts over time; ascending points, only those with data.",
            _answer("The points.", "History", csv=True),
            _parameter(
                "dimension",
                "joint is origin and language together; models beyond the largest are `other`.",
                {"type": "string", "enum": list(ALL_DIMENSIONS)},
                required=True,
            ),
            _parameter(
                "step",
                "Kept: 10s 70 minutes, 5m 25 hours, 1h 37 days, 1d and 1w two years (UTC).",
                {"type": "string", "enum": list(STEPS)},
                required=True,
            ),
            _parameter("start", "Unix seconds; the step that holds it is the first.", _TIME),
            _parameter(
                "end",
                "Unix seconds, not included; up to start there are no points.",
                _TIME,
            ),
            _FORMAT,
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
            _answer("The movers.", "Moved"),
            _pick("dimension", SHIFT_DIMENSIONS),
            _parameter("key", "A key of /api/v1/shifts.", {"type": "string"}, required=True),
            _pick("measure", SHIFT_MEASURES),
            _pick("window", SHIFT_WINDOWS),
            **{
                "404": _problem("The shift does not exist."),
                "503": _problem("Too many long queries are waiting."),
            },
        ),
        "/api/v1/notes": _get(
            "Known events, from the file of TOKENSHARE_NOTES; see docs/alerts.md.",
            _answer("The notes.", "Notes"),
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
        "schemas": _SCHEMAS,
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
