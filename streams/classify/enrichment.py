"""Enrichment of a request (its language, origin, tenant, provider, price) never affects its count.

Failures are counted, once for the whole process: a decoder, a classifier and a separate thread may
fail, and one counter on /metrics covers them all.
"""

from __future__ import annotations

import logging
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("tokenshare.enrichment")

#: What may fail; the values are label values of `tokenshare_enrichment_failures_total`.
Kind = Literal["language", "origin", "tenant", "provider", "price"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_Argument = TypeVar("_Argument")
_Answer = TypeVar("_Answer")

_failures: Counter[Kind] = Counter()
_lock = Lock()


def attempt(
    kind: Kind,
    function: Callable[[_Argument], _Answer],
    argument: _Argument,
    *,
    otherwise: _Answer,
) -> _Answer:
    """Return the result of a function for an argument; where it raises, count the failure."""
    try:
        return function(argument)
    except Exception as error:  # noqa: BLE001 - whatever it is, the request's tokens count
        _count(kind, error)
        return otherwise


def failures() -> Mapping[Kind, int]:
    """Return the number of failures of each kind in this process."""
    with _lock:
        return {kind: _failures[kind] for kind in KINDS}


def _count(kind: Kind, error: Exception) -> None:
    with _lock:
        _failures[kind] += 1
        is_first = _failures[kind] == 1
    if is_first:
        # Only the type: the error's message may quote a prompt.
        log.warning(
            "looking up the %s of a request failed: %s; such requests count without it",
            kind,
            type(error).__name__,
        )
