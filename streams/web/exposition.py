"""The format of an exposition, as the scraper asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client.registry import Collector


def encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Return the writer of an exposition for an Accept header, and its content type."""
    try:
        return choose_encoder(accept)
    except TypeError:
        # It compares numbers with a version that is none; whoever asks for that gets plain text.
        return choose_encoder("")
