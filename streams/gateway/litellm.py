"""LiteLLM's requests as usage events: a callback for its proxy and for its SDK.

In a proxy's configuration: `litellm_settings: {callbacks: streams.gateway.litellm.handler}`. In the
SDK: `litellm.callbacks = [streams.gateway.litellm.handler]`. Settings come from TOKENSHARE_…
variables; nothing is read or connected before the first request.

LiteLLM reports the tokens in the standard logging payload of each call, normalised: cached tokens
are part of the input, reasoning tokens part of the output, and nothing is added to them. The price
is LiteLLM's `response_cost`, and the provider comes with the host of its endpoint.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from litellm.integrations.custom_logger import CustomLogger

from streams.decode.formats.litellm import read
from streams.decode.formats.raw_usage import Found, first_text, is_nothing, part
from streams.gateway.producer import UsageProducer

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

log = logging.getLogger(__name__)

#: Minimum number of calls remembered: the proxy logs some of them twice, moments apart (those of
#: the Responses API; LiteLLM issues 5118 and 15740), and some by both hooks.
_REMEMBERED_CALLS = 10_000


class UsageCallback(CustomLogger):  # type: ignore[misc]
    """Passes the tokens of each call to a producer, once, and never raises into LiteLLM.

    Without a `producer` one is created from the settings at the first call; where those are
    invalid, that is logged and nothing is counted.
    """

    def __init__(self, producer: UsageProducer | None = None) -> None:
        super().__init__()
        self._producer = producer
        self._usable = True
        # No lock: a lock held while a process forks stays held in the child.
        self._calls: dict[Hashable, object] = {}
        self._earlier_calls: dict[Hashable, object] = {}

    def log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        """Record a successful call of the SDK's blocking functions."""
        self._take(kwargs)

    async def async_log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        """Record a successful call of the proxy, or of the SDK's other functions."""
        self._take(kwargs)

    def log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        """Record a failed call: tokens may have been spent before the failure."""
        self._take(kwargs)

    async def async_log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
        """Record a failed call of the proxy, or of the SDK's other functions."""
        self._take(kwargs)

    def _take(self, kwargs: Any) -> None:
        try:
            payload = kwargs.get("standard_logging_object")
            event = _event_of(payload) if isinstance(payload, dict) else None
            if event is None or self._is_known(payload):
                return
            # The SDK's `metadata` argument is not in the payload.
            event["language"] = event["language"] or first_text(
                part(kwargs, "litellm_params", "metadata", "language")
            )
            producer = self._ready()
            if producer is not None:
                producer.send(**event)
        except Exception as error:  # noqa: BLE001 - logging must not fail the request
            log.warning("a request of LiteLLM was not counted: %s", type(error).__name__)

    def _is_known(self, payload: Mapping[str, Any]) -> bool:
        """Return whether the call has been logged before, and remember it."""
        # The response id does not identify a call: the proxy changes it between two logs of a call
        # of the Responses API. The call id may have been chosen by the client, for all its calls.
        call = (
            str(payload.get("litellm_call_id") or payload.get("id")),
            str(payload.get("startTime")),
        )
        if len(self._calls) >= _REMEMBERED_CALLS:
            self._earlier_calls, self._calls = self._calls, {}
        mine = object()
        return call in self._earlier_calls or self._calls.setdefault(call, mine) is not mine

    def _ready(self) -> UsageProducer | None:
        if self._producer is None and self._usable:
            try:
                made = UsageProducer.from_settings()
            except Exception as error:  # noqa: BLE001 - wrong settings cost no request
                self._usable = False
                log.error("no request of LiteLLM is counted: %s", error)  # noqa: TRY400
                return None
            # Two threads may get here at once: one of two producers is used, the other never is.
            self._producer = self._producer or made
        return self._producer


def _event_of(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of `UsageProducer.send` for a StandardLoggingPayload.

    None for one that spends no tokens of its own: a response from LiteLLM's cache, which repeats
    the counts of the first one, a failure before the model, a tool call.
    """
    found = read(payload)
    if not isinstance(found, Found) or (
        found.failed and is_nothing(found.prompt, found.completion)
    ):
        return None
    return {
        "model": found.model,
        "prompt_tokens": found.prompt or 0,
        "completion_tokens": found.completion or 0,
        "ts": found.ts,
        "language": found.language,
        "prompt": found.text,
        "tenant": found.tenant,
        "id": found.id,
        "cached_tokens": found.cached,
        "reasoning_tokens": found.reasoning,
        "cost": found.cost,
        "provider": found.provider,
    }


#: For `callbacks: streams.gateway.litellm.handler`.
handler = UsageCallback()
