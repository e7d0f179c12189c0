"""What is known of a provider, and the words for what is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The key and the jurisdiction where nothing is known.
UNKNOWN: Final = "unknown"
#: The key and the jurisdiction of one's own servers.
SELF_HOSTED: Final = "self-hosted"
#: Longest key of a provider.
MAX_KEY: Final = 64


@dataclass(frozen=True, slots=True)
class Provider:
    """Who served: a short key, its display name, the operator's jurisdiction, and the rule.

    `jurisdiction` is an ISO 3166-1 alpha-2 code in lower case, `self-hosted` or `unknown`.
    """

    key: str
    name: str
    jurisdiction: str
    matched_by: str
