"""A second look at a document in which its reader has found nothing to count.

It may only resemble what the reader knows, by the names of some fields: then it is a flat record of
somebody else's, or carries another document, or holds the body of a response. Or it shows usage
that nobody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from streams.decode.event import Skipped, UsageEvent
from streams.decode.formats import envelopes, native, provider
from streams.decode.judged import Judged, completed
from streams.decode.unread_usage import unread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def resembling(document: Mapping[str, Any]) -> list[Judged] | None:
    """Return the flat record that a document is, None where it is none that counts."""
    event = native.read(document) if native.is_native(document) else None
    return [Judged(native.NAME, event)] if isinstance(event, UsageEvent) else None


def counting(found: list[Judged] | None) -> list[Judged] | None:
    """Return outcomes of which one counts, None for any others."""
    if found is None or not any(isinstance(each.item, UsageEvent) for each in found):
        return None
    return found


def answered(
    document: Mapping[str, Any], judge: Callable[[object], list[Judged]]
) -> list[Judged] | None:
    """Judge the body of a response in a log of requests; None where none has usage.

    Anybody's API may answer with what looks like an event: only a provider's answer counts.
    """
    for body in envelopes.answers(document):
        found = counting(judge(body))
        if found is not None and all(
            each.format in provider.NAMES for each in found if isinstance(each.item, UsageEvent)
        ):
            return completed(found, envelopes.around_answer(document))
    return None


def unread_document(document: Mapping[str, Any], found: list[Judged]) -> list[Judged]:
    """Return the outcome of a document that nothing reads: it may show usage all the same."""
    reason = cast("Skipped", found[0].item).reason
    return [found[0]._replace(item=unread(document, reason))]
