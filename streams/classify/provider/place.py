"""The place of an endpoint: a host of the internet, one's own address, or a cloud's region."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

Kind = Literal["none", "own", "region", "host"]

_MAX_HOST = 253
# Neither routed on the internet nor reserved for examples: these are addresses of one's own.
_OWN_NETWORKS = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10", "fec0::/10"),
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")
# Names that the internet's DNS does not have, or that stand for one's own network.
_OWN_ENDINGS = {
    *("consul", "corp", "docker", "home", "internal", "intranet", "k8s", "lan", "local"),
    *("localdomain", "localhost", "mesh", "nomad", "onion", "pod", "private", "svc", "test", "vpn"),
}
_OWN_SUFFIXES = (".home.arpa", ".ts.net", ".beta.tailscale.net", ".compute.internal", ".nip.io")

_WAY = r"(?:north|south|east|west|central)"
_AREA = (
    r"(?:africa|af|ap|apac|asia|at|au|australia|bg|br|ca|ch|cn|de|es|eu|europe|fr|gb|global|il|in|"
    r"intl|it|jp|kr|la|me|mx|na|nl|northamerica|pl|sa|se|sg|southamerica|uk|us)"
)
_CITY = (
    r"(?:amsterdam|ashburn|bangkok|beijing|bogota|chengdu|chicago|chongqing|chuncheon|"
    r"dubai|frankfurt|fuzhou|guangzhou|guiyang|hangzhou|heyuan|hongkong|huhehaote|hyderabad|"
    r"jakarta|jeddah|johannesburg|london|madrid|marseille|melbourne|milan|montreal|moscow|mumbai|"
    r"nanjing|newport|osaka|paris|phoenix|qingdao|riyadh|sanjose|santiago|saopaulo|seoul|shanghai|"
    r"shenzhen|siliconvalley|singapore|stockholm|sydney|tokyo|toronto|turin|ulanqab|valparaiso|"
    r"vinhedo|virginia|warsaw|wulanchabu|zhangjiakou|zurich|ams|de|dk|es|fra|gb|gva|lhr|"
    r"mon|muc|osa|par|sao|sof|syd|tok|tor|txl|vie|waw|zrh|datazone)"
)
_LAND = (
    r"(?:us|usgov|usdod|europe|asia|india|china|japan|korea|uk|uae|canada|australia|brazil|france|"
    r"germany|norway|sweden|switzerland|italy|poland|spain|qatar|israel|mexico|newzealand|"
    r"southafrica|austria|chile|indonesia|malaysia|jioindia|belgium|denmark)"
)
_REGION = re.compile(
    rf"{_AREA}(?:-(?:gov|iso[bef]?))?-{_WAY}+-?\d{{0,2}}(?:-?[a-z])?"
    rf"|eusc-[a-z]{{2}}-{_WAY}+-\d{{1,2}}|{_AREA}-{_CITY}-?\d?"
    rf"|(?:{_WAY}{{1,2}}{_LAND}|{_LAND}(?:{_WAY}{{1,2}}|virginia|arizona|texas|iowa))\d?(?:euap)?"
    r"|us|eu|ap|apac|cn|uk|jp|au|ca|global|intl|international|europe|asia|china|singapore|sg|"
    r"datazone|hongkong|eu0[12]"
)
# The second level of country domains under which names are registered.
_SECOND_LEVEL = {
    *("ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "gv", "ltd", "ne", "net", "nom"),
    *("or", "org", "plc", "sch"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place and its kind; `name` is the host or the region, lower case."""

    kind: Kind
    name: str = ""


NOWHERE = Place("none")


def place_of(text: str) -> Place:
    """Return the place that a host, a URL or a region names; `none` if it cannot be read."""
    host = _host(text.strip())
    if not host or len(host) > _MAX_HOST:
        return NOWHERE
    if _REGION.fullmatch(host):
        return Place("region", host)
    address = _address(host)
    if address is not None:
        return Place("own" if _is_own(address) else "host", str(address))
    if any(not label or not _is_label(label) for label in host.split(".")):
        return NOWHERE
    if "." not in host or host.rpartition(".")[2] in _OWN_ENDINGS or host.endswith(_OWN_SUFFIXES):
        return Place("own", host)
    return Place("host", host)


def is_hostlike(name: str) -> bool:
    """Return whether a text in the place of a name is an address: a URL, an IP, or dotted."""
    host = _host(name.strip())
    return "://" in name or "." in host or ":" in host or host == "localhost"


def domain_of(host: str) -> str:
    """Return the registered domain of a host, which its owner's subdomains share."""
    labels = host.split(".")
    if labels[-1].isdecimal() or ":" in host:
        return host
    has_second = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if has_second else -2 :])


def is_of_many(host: str) -> bool:
    """Return whether hosts of many owners may end with it: `com`, `co.uk`, any single label.

    Endings that are of one's own network are not among them: `internal`.
    """
    labels = host.split(".")
    if len(labels) == 1:
        return ":" not in host and host not in _OWN_ENDINGS
    return len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SECOND_LEVEL


def _host(text: str) -> str:
    """Return the host of an authority or URL, without user, port, brackets and the final dot."""
    rest = text.partition("://")[2] if "://" in text else text.removeprefix("//")
    authority = re.split(r"[/\\?#\s]", rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        host = authority[1:].partition("]")[0]
    elif authority.count(":") > 1:
        host = authority
    else:
        host = authority.partition(":")[0]
    return host.partition("%")[0].rstrip(".").lower()


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return mapped or address
    # What ends with a number is an address, or it is nothing: `127.1`, `0x7f.1`.
    if not re.fullmatch(r"(?:0x[0-9a-f]*|\d+)", host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address in _NAT64:
        address = IPv4Address(int(address) & 0xFFFFFFFF)
    return any(address in network for network in _OWN_NETWORKS)


def _is_label(label: str) -> bool:
    return all(each.isalnum() or each in "-_" for each in label)
