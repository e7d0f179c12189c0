"""The list of Kafka brokers as people write it; every program reads it here."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*://")
#: Labels of a name: one that is empty or longer fails in the resolver with a traceback.
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_MAX_PORT = 65535
#: Azure Event Hubs, in each of its clouds.
_EVENT_HUBS = re.compile(
    r"\.servicebus\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net|cloudapi\.de)\.?",
    re.IGNORECASE,
)


def broker_list(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the brokers of a list, separated by commas or given one by one, each as host:port.

    An IPv6 address is in brackets. Raises ValueError that gives the right form.
    """
    parts = given.split(",") if isinstance(given, str) else given
    servers = tuple(_checked(part.strip()) for part in parts if part.strip())
    if not servers:
        raise ValueError("name at least one broker as host:port, such as kafka:9092")
    return servers


def host_and_port(server: str) -> tuple[str, int]:
    """Return host and port of a broker of `broker_list`, the host without brackets."""
    host, _, port = server.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def refuses_lz4(servers: Iterable[str]) -> str:
    """Return which broker of `broker_list` takes nothing that is compressed with lz4, or ""."""
    for server in servers:
        host, _ = host_and_port(server)
        found = _EVENT_HUBS.search(host)
        if found and found.end() == len(host):
            return f"{server} is Azure Event Hubs, which does not take lz4"
    return ""


def _checked(server: str) -> str:
    if "@" in server:
        # Not repeated: what is before the @ may be a password.
        raise ValueError(
            "a broker is host:port, such as kafka:9092, without a user and a password: these are "
            "TOKENSHARE_SASL_USERNAME and TOKENSHARE_SASL_PASSWORD"
        )
    scheme = _SCHEME.match(server)
    if scheme:
        right = server[scheme.end() :].rstrip("/")
        raise ValueError(
            f"{server!r} is an address with a scheme: write {_suggested(right)}; the protocol is "
            "TOKENSHARE_SECURITY_PROTOCOL"
        )
    host, colon, port = server.rpartition(":")
    if _is_ipv6(server) or _is_ipv6(host):
        raise ValueError(f"{server!r} is IPv6 without brackets: write {_suggested(server)}")
    if not colon or server.endswith("]"):
        raise ValueError(f"{server!r} has no port: write {_suggested(server)}")
    if any(each.isspace() for each in server):
        raise ValueError(f"{server!r} has a space in it: separate brokers by commas")
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _MAX_PORT or not _is_host(host):
        raise ValueError(f"{server!r} is not host:port, such as kafka:9092")
    return f"{host}:{int(port)}"


def _is_host(host: str) -> bool:
    if host.startswith("[") and host.endswith("]"):
        return _is_ipv6(host[1:-1])
    return _HOST.fullmatch(host) is not None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _suggested(server: str) -> str:
    """Return what was probably meant, as host:port."""
    host, _, port = server.rpartition(":")
    if _is_ipv6(host) and _PORT.fullmatch(port):
        return f"[{host}]:{port}"
    if _is_ipv6(server):
        return f"[{server}]:9092"
    if _is_host(server):
        return f"{server}:9092"
    return server if _is_host(host) and _PORT.fullmatch(port) else "host:port, such as kafka:9092"
