"""A tenant's name becomes a keyed hash, once, wherever it is met first.

What runs beside the gateway hashes before Kafka, and writes the hash with a mark; a worker hashes
the names that are still in clear, and takes a marked hash as it is, so both count as one tenant.
"""

from __future__ import annotations

import hashlib
import hmac
import re

#: How a hash is written into an event, so that it is not taken for a name and hashed again.
MARK = "hmac-sha256:"

_MARKED = re.compile(re.escape(MARK) + r"[0-9a-f]{16}")


def hashed(tenant: str, salt: bytes) -> str:
    """Return the hash that stands for a tenant: 16 hex digits of HMAC-SHA-256 keyed by `salt`.

    A marked hash stands for itself.
    """
    if _MARKED.fullmatch(tenant):
        return tenant.removeprefix(MARK)
    return hmac.digest(salt, tenant.encode(errors="replace"), hashlib.sha256)[:8].hex()


def marked(tenant: str, salt: bytes) -> str:
    """Return the hash as it is written into an event."""
    return MARK + hashed(tenant, salt)
