"""The schemas of the API's bodies, for its OpenAPI description."""

from __future__ import annotations

from typing import Any, Final

from streams.classify.keys import ALL_DIMENSIONS, FILTERS, PAIRS, SHIFT_DIMENSIONS, TENANT
from streams.classify.origin.values import ORIGINS
from streams.shares.history import STEPS
from streams.shares.measures import MEASURES
from streams.shares.tenants import TENANT_WINDOWS
from streams.shares.windows import WINDOW_NAMES
from streams.shifts.alert_rules import SHIFT_WINDOWS
from streams.shifts.notes_file import MAX_KEY, MAX_NOTES, MAX_TEXT
from streams.shifts.series import SHIFT_MEASURES
from streams.web.api_words import described

Schema = dict[str, Any]

_NUMBER: Final[Schema] = {"type": "number"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
TEXT: Final[Schema] = {"type": "string"}
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


def list_of(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def of(name: str) -> Schema:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(name: str, description: str) -> Schema:
    return {"anyOf": [of(name), {"type": "null"}], "description": description}


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
SCHEMAS: Final[Schema] = {
    "Problem": _object(
        type=TEXT,
        title=TEXT,
        status={"type": "integer"},
        detail=TEXT,
        remedy=TEXT | {"description": "What to do about it."},
    )
    | {"description": "An error, after RFC 9457."},
    "Share": _optional(
        _object(
            key=TEXT,
            name=TEXT | {"description": "Display name of the key."},
            origin=TEXT | {"enum": list(ORIGINS), "description": "Of a model."},
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
            everything=_object(tokens=_COUNT, requests=_COUNT, output_tokens=_COUNT, **_MORE)
            | {"description": "With a filter: what the part is a part of."},
            **{dimension: list_of(of("Share")) for dimension in FILTERS},
            **{
                name: list_of(_object(**dict.fromkeys(pair, TEXT), **_COUNTS))
                for name, pair in PAIRS.items()
            },
        ),
        "everything",
        *ALL_DIMENSIONS,
        TENANT,
    )
    | {"description": "With the requested dimensions."},
    "UnknownModel": _object(
        model=TEXT,
        tokens=_COUNT,
        requests=_COUNT,
        matched_by=TEXT | {"description": "Why its origin is unknown."},
        override=TEXT | {"description": "An entry for the overrides file (TOML)."},
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
    "Shares": _optional(
        _object(
            as_of=_NUMBER | {"description": "Watermark that all windows end at, unix seconds."},
            generated_at=_NUMBER,
            ready=_YES,
            reasons=list_of(TEXT),
            since=_SIGNED
            | {"description": "Start of all that is counted, as far as it is kept; unix seconds."},
            filter={
                "type": "object",
                "properties": {name: described(name, TEXT) for name in FILTERS},
                "additionalProperties": False,
                "description": "With a filter: what the shares are of.",
            },
            unavailable=list_of(TEXT)
            | {
                "description": "Requested dimensions that are not counted together with the filter."
            },
            simulated=_YES,
            windows={
                "type": "object",
                "properties": {name: described(name, of("Window")) for name in WINDOW_NAMES},
                "additionalProperties": False,
                "description": "By length; of a tenant only 24h and 7d, which are whole hours.",
            },
            unknown=list_of(of("UnknownModel")),
            pipeline=_object(
                lag={"type": ["integer", "null"]},
                late=_COUNT,
                rejected=_COUNT,
                unread=_object(
                    count=_COUNT | {"description": "Skipped items whose usage no reader takes."},
                    last={"type": ["number", "null"], "description": "The newest event time then."},
                    sources=list_of(_object(format=TEXT, source=TEXT, count=_COUNT)),
                ),
                partitions=list_of(of("Partition")),
                records=list_of(_object(result=TEXT, reason=TEXT, count=_COUNT)),
            ),
        ),
        "filter",
        "unavailable",
    ),
    "History": _object(
        dimension=TEXT | {"enum": [*ALL_DIMENSIONS, TENANT]},
        step=TEXT | {"enum": list(STEPS)},
        seconds=_COUNT,
        as_of=_NUMBER,
        points=list_of(
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
        window=TEXT | {"enum": list(WINDOW_NAMES)},
        models=list_of(of("UnknownModel")),
        **_COUNTS,
    ),
    "Note": _object(
        start=_NUMBER | {"description": "Unix seconds, as end."},
        end=_SIGNED | {"description": "The end of a period; null of a moment."},
        text=TEXT | {"maxLength": MAX_TEXT},
        dimension=TEXT
        | {"enum": ["", *SHIFT_DIMENSIONS], "description": "Empty where it is on no key alone."},
        key=TEXT | {"maxLength": MAX_KEY},
    ),
    "Notes": _object(
        notes=list_of(of("Note")) | {"maxItems": MAX_NOTES, "description": "Oldest first."},
        read_at=_SIGNED | {"description": "When the file was read; null without a file."},
        is_current={
            "type": ["boolean", "null"],
            "description": "False where a fault in the file keeps the notes read before.",
        },
        omitted=_COUNT | {"description": "Older notes beyond the limit."},
    ),
    "PolicyGroup": _object(
        group=TEXT,
        tokens=_COUNT | {"description": "All tokens of the group's tenants."},
        excluded_tokens=_COUNT,
        excluded_ratio=_RATIO | {"description": "Their part of tokens; null without any."},
        origins=list_of(
            _object(
                key=TEXT | {"enum": list(ORIGINS)},
                name=TEXT,
                tokens=_COUNT | {"description": "Tokens that the group sent there."},
            )
        )
        | {"description": "Each origin that is excluded for the group."},
    ),
    "Policy": _object(
        as_of=_NUMBER,
        read_at=_SIGNED | {"description": "When the file was read; null without a file."},
        is_current={
            "type": ["boolean", "null"],
            "description": "False where a fault in the file keeps the groups read before.",
        },
        windows={
            "type": "object",
            "properties": {
                each.name: described(each.name, list_of(of("PolicyGroup")))
                for each in TENANT_WINDOWS
            },
            "additionalProperties": False,
            "description": "Groups by window, as in the file; tenants have only whole hours. Empty "
            "without a policy.",
        },
    ),
    "Shift": _object(
        dimension=TEXT | {"enum": list(SHIFT_DIMENSIONS)},
        key=TEXT,
        name=TEXT | {"description": "Display name of the key."},
        measure=TEXT | {"enum": list(SHIFT_MEASURES)},
        window=TEXT | {"enum": list(SHIFT_WINDOWS)},
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
        developer=TEXT | {"description": "Of a model or developer, else empty."},
        origin=TEXT | {"description": "Of a model, or of most tokens of a developer, else empty."},
        is_shifted=_YES | {"description": "Whether the alert's conditions hold now."},
        sentence={
            "type": ["string", "null"],
            "description": "The shift, what moved it and what is noted, in words; null where "
            "is_shifted is not.",
        },
        notes=list_of(of("Note"))
        | {"description": "Known events that it may be due to; none where is_shifted is not."},
    ),
    "Shifts": _object(
        as_of=_NUMBER
        | {"description": "0 until shifts are computed, about half a minute after the start."},
        baseline_days=_NUMBER
        | {"minimum": 0, "description": "Days of history; of cost it may be shorter."},
        needed_days=_COUNT | {"description": "Days of history before shifts are reported."},
        shifts=list_of(of("Shift")),
    ),
    "Movers": _object(
        movers=list_of(
            _object(
                key=TEXT | {"description": "What it is counted under; of a tenant its hash."},
                name=TEXT
                | {"description": "Of a tenant its name in TOKENSHARE_TENANT_NAMES; else the key."},
                contribution=_NUMBER,
                share=_NUMBER,
                before=_NUMBER,
                kind=TEXT | {"enum": ["mix", "new", "gone"]},
            )
        ),
        rest=_NUMBER | {"description": "Contribution of all others; the sum is the shift."},
        rest_members=_COUNT,
        mix=_NUMBER | {"description": "Contribution of members present before and now."},
        arrival=_NUMBER | {"description": "Contribution of members that appeared or disappeared."},
    ),
    "Moved": _object(
        as_of=_NUMBER,
        dimension=TEXT,
        key=TEXT,
        measure=TEXT,
        window=TEXT,
        shift=_NUMBER,
        sentence=TEXT | {"description": "The shift and what moved it, in words."},
        notes=list_of(of("Note")) | {"description": "Known events that it may be due to."},
        models=_maybe("Movers", "Null for a language: models are not counted by language."),
        joint=_maybe("Movers", "An origin's by language, a language's by origin."),
        tenants=_maybe(
            "Movers",
            "By keyed hash, with names where TOKENSHARE_TENANT_NAMES has them; null of cost, and "
            "where requests name none.",
        ),
        tenants_note={
            "type": ["string", "null"],
            "description": "Of cost, that tenants are not counted by it; else null.",
        },
    ),
    "Health": _object(status=TEXT),
    "Readiness": _object(ready=_YES, reasons=list_of(TEXT)),
}
