"""The arguments of one call of `UsageProducer.send`, validated and truncated to what is kept."""

from __future__ import annotations

import time
from typing import NamedTuple

from streams.classify.language.prompt import texts
from streams.decode.event import MAX_CHARACTERS, MAX_TOKENS, UsageEvent, event_time
from streams.decode.formats.raw_usage import tokens_of
from streams.decode.money import dollars
from streams.decode.served_by import without_secrets


class More(NamedTuple):
    """What else an event may say, of any type."""

    cached_tokens: object = None
    reasoning_tokens: object = None
    cost: object = None
    provider: object = None


NOTHING_MORE = More()

#: Kept for detecting a prompt's language: the beginnings of the texts that decide it.
EXCERPT_TEXTS = 3
EXCERPT_CHARACTERS = 512


def event_of(  # noqa: PLR0917 - as many as an event has
    model: object,
    prompt_tokens: object,
    completion_tokens: object,
    ts: object,
    language: object,
    tenant: object,
    id: object,  # noqa: A002 - as in `send`
    more: More = NOTHING_MORE,
) -> UsageEvent | None:
    """Return the event, None for invalid values; may raise for misbehaving objects.

    What is optional makes no event invalid: a value that is none is left out.
    """
    if not isinstance(model, str) or not model.strip():
        return None
    for count in (prompt_tokens, completion_tokens):
        if type(count) is not int or not 0 <= count <= MAX_TOKENS:
            return None
    if ts is None:
        ts = time.time()
    elif isinstance(ts, int | float | str) and not isinstance(ts, bool):
        ts = event_time(ts if isinstance(ts, str) else float(ts), None)
        if ts is None:
            return None
    else:
        return None
    if not isinstance(language, str | None):
        return None
    for name in (tenant, id):
        if not isinstance(name, str | int | None) or isinstance(name, bool):
            return None
    return UsageEvent(
        model=_plain(model),
        prompt_tokens=prompt_tokens,  # type: ignore[arg-type]
        completion_tokens=completion_tokens,  # type: ignore[arg-type]
        ts=ts,
        language=_plain(language) if language else None,
        tenant=_plain(str(tenant)) if tenant not in {None, ""} else None,
        # A longer id is dropped: truncated, two could be equal.
        id=id if id != "" and len(str(id)) <= MAX_CHARACTERS else None,
        cached_tokens=tokens_of(more.cached_tokens, prompt_tokens),  # type: ignore[arg-type]
        reasoning_tokens=tokens_of(more.reasoning_tokens, completion_tokens),  # type: ignore[arg-type]
        cost=dollars(more.cost),
        provider=without_secrets(more.provider),
    )


def excerpt_of(prompt: object) -> str | list[str]:
    """Return the excerpt for detecting a prompt's language: few characters, none of its objects.

    The latest messages stay last, in their original order.
    """
    if isinstance(prompt, str):
        return str.__getitem__(prompt, slice(EXCERPT_TEXTS * EXCERPT_CHARACTERS))
    found = texts(prompt)[:EXCERPT_TEXTS]
    return [text[:EXCERPT_CHARACTERS] for text in reversed(found)]


def _plain(text: str) -> str:
    """Return the beginning of a text, converted to `str` if it is of a subclass."""
    return str.__getitem__(text, slice(MAX_CHARACTERS))
