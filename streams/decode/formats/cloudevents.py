"""CloudEvents around a document: the envelope's time and id apply where the document has none.

Source: cloudevents/spec, cloudevents/bindings/kafka-protocol-binding.md (structured and binary
mode; Kafka has no batch mode) and cloudevents/formats/json-format.md.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.decode.event import Rejected
from streams.decode.formats.raw_usage import first_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PREFIX = "ce_"


class Envelope(NamedTuple):
    """The time and id that an envelope gives for the document inside, None where absent."""

    time: float | str | None = None
    id: str | None = None


def is_envelope(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a CloudEvent in structured mode."""
    return "specversion" in document and ("data" in document or "data_base64" in document)


def holds_protobuf(document: Mapping[str, Any]) -> bool:
    """Return whether the data of a structured CloudEvent is said to be protobuf."""
    kind = document.get("datacontenttype")
    return type(kind) is str and "protobuf" in kind.lower()


def envelope_of(document: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a structured CloudEvent."""
    return _envelope(document.get("time"), document.get("source"), document.get("id"))


def from_headers(headers: Sequence[tuple[str, bytes | None]]) -> Envelope | None:
    """Return the envelope from a record's headers in binary mode; None for other records."""
    attributes = {
        name.lower(): (value or b"").decode(errors="replace")
        for name, value in headers
        if name[:3].lower() == _PREFIX
    }
    if "ce_specversion" not in attributes:
        return None
    return _envelope(
        attributes.get("ce_time"), attributes.get("ce_source"), attributes.get("ce_id")
    )


def _envelope(time: object, source: object, id_: object) -> Envelope:
    name = first_text(id_)
    return Envelope(
        first_text(time), None if name is None else f"{first_text(source) or ''}/{name}"
    )


def data_of(document: Mapping[str, Any]) -> bytes | Rejected | dict[str, Any] | list[Any]:
    """Return a structured CloudEvent's data: a document, or its bytes."""
    if document.get("data_base64") is not None:
        try:
            return base64.b64decode(document["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            return Rejected("bad_envelope", "data_base64 is not base64")
    data = document.get("data")
    if type(data) is str:
        return data.encode(errors="replace")
    if type(data) is dict or type(data) is list:
        return data
    return Rejected("bad_envelope", "the CloudEvent has no data that is a JSON object or array")
