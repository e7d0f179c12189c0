"""Hashes a tenant's name with a key, once, in the first process that handles it.

The process beside the gateway hashes before Kafka, and writes the hash with a mark. A worker hashes
names that are still in clear text and keeps a marked hash, so that both count as one tenant.
"""

from __future__ import annotations

import hashlib
import hmac
import re

#: The format of a hash in an event, so that it is not mistaken for a name and hashed again.
MARK = "hmac-sha256:"

_MARKED = re.compile(re.escape(MARK) + r"[0-9a-f]{16}")


def hashed(tenant: str, salt: bytes) -> str:
    """Return the hash of a tenant: 16 hex digits of HMAC-SHA-256 keyed by `salt`.

    A marked hash is returned without its mark.
    """
    if _MARKED.fullmatch(tenant):
        return tenant.removeprefix(MARK)
    return hmac.digest(salt, tenant.encode(errors="replace"), hashlib.sha256)[:8].hex()


def marked(tenant: str, salt: bytes) -> str:
    """Return the hash as it is written into an event."""
    return MARK + hashed(tenant, salt)
