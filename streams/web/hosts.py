"""Host names: which addresses are loopback, and which Host headers a server accepts.

A web page can make its own domain name resolve to one of our addresses (DNS rebinding) and then
send requests as if it were ours. Its Host header holds that name. So a server without a token
accepts only names that no page can have: addresses, localhost, and names the operator has listed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_LOCALHOST = "localhost"
#: The authority of a URL: a name or IPv4 address, or IPv6 in brackets; then a port.
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:@/?#\s]+))(?::[0-9]*)?")


def is_loopback(host: str) -> bool:
    """Return whether an address or a name is loopback."""
    name = _plain(host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host)
    address = _address(name)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return name == _LOCALHOST if address is None else address.is_loopback


def authority(host: str, port: int) -> str:
    """Return host and port as a URL has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def known_names(names: Iterable[str]) -> frozenset[str]:
    """Return the accepted names of a server: those given, and the name of this machine."""
    return frozenset(name for each in (*names, socket.gethostname()) if (name := _plain(each)))


def is_answered(header: str, names: Collection[str]) -> bool:
    """Return whether a Host header is an address, localhost, one of the names, or absent."""
    if not header.strip():
        return True
    found = _AUTHORITY.fullmatch(header.strip())
    if found is None:
        return False
    name = _plain(found["six"] or found["name"])
    if name == _LOCALHOST or name.endswith("." + _LOCALHOST) or name in names:
        return True
    return _address(name) is not None


def _plain(name: str) -> str:
    """Return a name normalised for comparison: a trailing dot only marks it as fully qualified."""
    return name.strip().lower().removesuffix(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
