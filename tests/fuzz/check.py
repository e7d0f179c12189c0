"""What has to hold of whatever a record holds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from details import with_other_details
from odd import ENGLISH

from streams.classify.enrichment import failures
from streams.decode.decoder import FAILED, Decoded, Decoder
from streams.decode.event import MAX_REQUESTS, REASONS, SKIP_REASONS, UsageEvent
from streams.decode.formats.raw_usage import limit_of, request_id, tokens_of
from streams.decode.money import nano_dollars
from streams.decode.options import language_of
from streams.decode.served_by import without_secrets

#: The longest a value of a few kilobytes may take. Decoding one takes some 20 us.
MOST_SECONDS = 1.0
#: Of the values, each so many are decoded again with another price and provider.
CHANGED_EACH = 4


class BrokenError(AssertionError):
    """Something did not hold; its text is the same for all values with the same fault."""


class Checker:
    """Decodes values by long-lived decoders, whose earlier values must not matter."""

    def __init__(self):
        # Its models take a moment to load, which is no value's fault.
        language_of(ENGLISH)
        self._warm = {}
        self._runs = 0
        self.outcomes = {}

    def check(self, value, headers, options):
        """Decode a value in each way there is. Raises BrokenError."""
        detects = options.detect is not None
        key = (options.format, tuple(options.paths.items()), options.max_record_bytes, detects)
        if key not in self._warm:
            self._warm[key] = Decoder(options), Decoder(options), Decoder(options)
        warm, cold, many = self._warm[key]
        # LiteLLM's fast path is taken after a record of LiteLLM's, and never by a new decoder.
        warm._is_litellm, cold._is_litellm = True, False
        failed = failures()
        began = time.process_time()
        decoded = _never_fails("decode", warm.decode, value, headers)
        if time.process_time() - began > MOST_SECONDS:
            raise BrokenError("it takes too long")
        self._look(decoded)
        if same(cold.decode(value, headers)) != same(decoded):
            raise BrokenError("what came before matters")
        (alone,) = _never_fails("decode_many", many.decode_many, [value], [headers])
        if same(alone) != same(decoded):
            raise BrokenError("decode_many and decode differ")
        self._change_details(value, headers, decoded, many)
        if failures() != failed:
            raise BrokenError("a detector failed, and the safety net caught it")

    def _change_details(self, value, headers, decoded, decoder):
        """Check that no price, provider or the like decides what a record counts."""
        self._runs += 1
        if not decoded.events or self._runs % CHANGED_EACH:
            return
        changed = with_other_details(value, self._runs)
        if changed is not None:
            one, other = (_never_fails("decode", decoder.decode, each, headers) for each in changed)
            if counted(one) != counted(other):
                raise BrokenError("what is optional decides what counts")

    def _look(self, decoded):
        if not (decoded.events or decoded.rejected or decoded.skipped):
            raise BrokenError("it comes to nothing")
        for event in decoded.events:
            _look_at(event)
            self._count("event")
        for each in decoded.rejected:
            if each.reason not in REASONS:
                raise BrokenError(f"no reason: {each.reason}")
            if each.detail == FAILED:
                raise BrokenError("a reader failed, and the safety net caught it")
            self._count(each.reason)
        for each in decoded.skipped:
            if each.reason not in SKIP_REASONS:
                raise BrokenError(f"no reason to skip: {each.reason}")
            self._count(each.reason)

    def _count(self, outcome):
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


def _never_fails(name, function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        raise BrokenError(f"{name} raises {type(error).__name__}") from error


def _look_at(event):
    requests = getattr(event, "requests", 1)
    if type(requests) is not int or not 1 <= requests <= MAX_REQUESTS:
        raise BrokenError("a number of requests is none")
    for count in (event.prompt_tokens, event.completion_tokens):
        if type(count) is not int or not 0 <= count <= limit_of(requests):
            raise BrokenError("a count is none")
    if type(event.model) is not str or not event.model.strip():
        raise BrokenError("a model has no name")
    if type(event.ts) not in {float, str, type(None)}:
        raise BrokenError("a time is no number and no text")
    if not {type(event.language), type(event.tenant)} <= {str, type(None)}:
        raise BrokenError("a language or a tenant is no text")
    # They may be of any type, and whoever reads them does not fail.
    _never_fails("tokens_of", tokens_of, event.cached_tokens, event.prompt_tokens)
    _never_fails("tokens_of", tokens_of, event.reasoning_tokens, event.completion_tokens)
    _never_fails("nano_dollars", nano_dollars, event.cost)
    _never_fails("without_secrets", without_secrets, event.provider)


def same(decoded):
    """Return what was decoded in a form that two ways to decode have in common.

    The words of details may differ, and what no id is compared by.
    """
    if isinstance(decoded, UsageEvent):
        decoded = Decoded("native", [decoded])
    return (
        decoded.format,
        [facts(event) for event in decoded.events],
        [each.reason for each in decoded.rejected],
        [each.reason for each in decoded.skipped],
    )


def counted(decoded):
    """Return what a record counts, whatever it costs and whoever served it."""
    format_, events, rejected, skipped = same(decoded)
    kept = ("model", "prompt_tokens", "completion_tokens", "ts", "tenant", "language", "requests")
    return format_, [{name: each[name] for name in kept} for each in events], rejected, skipped


def facts(event):
    said = {name: getattr(event, name) for name in UsageEvent.__struct_fields__}
    said["requests"] = getattr(event, "requests", 1)
    # As it is compared with others: nothing else is done with it.
    said["id"] = request_id(event.id)
    said["cached_tokens"] = tokens_of(event.cached_tokens, event.prompt_tokens)
    said["reasoning_tokens"] = tokens_of(event.reasoning_tokens, event.completion_tokens)
    said["cost"] = nano_dollars(event.cost)
    said["provider"] = event.provider if type(event.provider) is str else None
    return said
