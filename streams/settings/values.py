"""Types of settings whose values need a check of their own."""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

_ORIGIN = re.compile(r"https?://[^\s/?#]+")
#: Of a Content-Security-Policy: a host with an optional port, and `*.` before it for all below it.
_ANCESTOR = re.compile(
    r"https?://(?:(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9a-fA-F:.]+\])"
    r"(?::(?:\d{1,5}|\*))?"
)
#: Of a host that a server answers for; by it, not by an address, it is called.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?")
_URL = re.compile(r"https?://[!-~]+")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
#: Of a host name: one that is empty or longer fails in the resolver with a traceback.
_HOST_NAME = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?")
_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
#: Of RFC 7628: the name of a SASL extension, and its value.
_EXTENSION, _PRINTABLE = re.compile(r"[A-Za-z]+"), re.compile(r"[ -~]+")
#: A pair of a mapping; a key in brackets and quotes may hold a comma.
_FIELD = re.compile(r"""(?:\["[^"]*"\]|\['[^']*'\]|[^,])+""")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")


def _checked_topic(value: str) -> str:
    if value and not _TOPIC.fullmatch(value):
        raise ValueError("may contain letters, digits, '.', '_' and '-', at most 249 of them")
    if value in {".", ".."}:
        raise ValueError("is not a name that Kafka takes")
    return value


def _checked_presence(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _checked_endpoint(value: str) -> str:
    if not value:
        return value
    # The value is not repeated in the error: there may be a key in it.
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if not host or not _URL.fullmatch(value) or parts.username is not None or parts.fragment:
        raise ValueError("is not an address such as https://login.example.org/oauth2/token")
    if parts.scheme != "https" and host not in _LOCAL_HOSTS:
        raise ValueError("must begin with https://: the client's secret is sent there")
    return value


def _split_extensions(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return tuple((name.strip(), text.strip()) for name, _, text in pairs)


def _checked_extensions(value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    for name, text in value:
        if not _EXTENSION.fullmatch(name) or name == "auth" or not _PRINTABLE.fullmatch(text):
            raise ValueError(
                f"{name!r} is not an extension: write name=value, name in letters (not auth), the "
                "value in printable ASCII, such as logicalCluster=lkc-1"
            )
    return value


def _split_mapping(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in _FIELD.findall(value) if part.strip()]
    for name, equals, _ in pairs:
        if not equals:
            raise ValueError(
                f"{name.strip()!r} is not name=dotted.path, such as model=request.model"
            )
    return tuple((name.strip(), path.strip()) for name, _, path in pairs)


def _checked_region(value: str) -> str:
    if value and not _REGION.fullmatch(value):
        raise ValueError(f"{value!r} is not a region, such as eu-west-1")
    return value


def _checked_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("may hold no line break and no other control character")
    return value


def _checked_secret(value: SecretStr) -> SecretStr:
    _checked_line(value.get_secret_value())
    return value


def _checked_host(value: str) -> str:
    host = value.strip()
    if not host:
        raise ValueError(
            "is empty: write 127.0.0.1 for this machine alone, 0.0.0.0 for all its interfaces"
        )
    address = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        if not _HOST_NAME.fullmatch(host):
            raise ValueError(
                f"{host!r:.80} is not an address or a name, such as 127.0.0.1 or 0.0.0.0"
            ) from None
    return host


def split_list(value: object) -> object:
    """Return the values of a text with commas between them; any other value is itself."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _checked_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is not an origin, such as https://example.org:8443")
    return value


def _checked_ancestors(value: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple("self" if each.strip("'").lower() == "self" else each for each in value)
    for each in found:
        if each != "self" and not _ANCESTOR.fullmatch(each):
            raise ValueError(
                f"{each!r:.80} is neither self nor an origin, such as https://wiki.example.org"
            )
    return found


def _checked_names(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a host name, such as shares.example.org")
    return value


def _checked_file(value: object) -> object:
    # A variable that is set to nothing, as templates of deployments leave it.
    return None if value == "" else value


#: A topic's name, and one that may be left empty.
TopicName = Annotated[str, AfterValidator(_checked_topic), AfterValidator(_checked_presence)]
OptionalTopicName = Annotated[str, AfterValidator(_checked_topic)]
#: Where a token is fetched: https, or http on this machine.
TokenEndpoint = Annotated[str, AfterValidator(_checked_endpoint)]
#: Pairs that a SASL/OAUTHBEARER login sends beside the token.
Extensions = Annotated[
    tuple[tuple[str, str], ...],
    NoDecode,
    BeforeValidator(_split_extensions),
    AfterValidator(_checked_extensions),
]
#: Fields of a custom format, with their paths.
Mapped = Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_split_mapping)]
AwsRegion = Annotated[str, AfterValidator(_checked_region)]
#: Where a server listens; IPv6 without brackets.
Host = Annotated[str, AfterValidator(_checked_host)]
#: Lists of a server: whose pages may read and embed its own, and by which names it is called.
_List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
Origins = Annotated[_List, AfterValidator(_checked_origins)]
FrameAncestors = Annotated[_List, AfterValidator(_checked_ancestors)]
HostNames = Annotated[_List, AfterValidator(_checked_names)]
OptionalFile = Annotated[Path | None, BeforeValidator(_checked_file)]
OneLine = Annotated[str, AfterValidator(_checked_line)]
OneLineSecret = Annotated[SecretStr, AfterValidator(_checked_secret)]


def check_topics(source: str, dead_letters: str, changelog: str) -> None:
    """Raise ValueError where Kafka does not take one of the names, or two are the same."""
    for name, setting in ((dead_letters, "DEAD_LETTER_TOPIC"), (changelog, "GROUP")):
        if not _TOPIC.fullmatch(name):
            raise ValueError(
                f"the topic {name} would have {len(name)} characters, and Kafka takes 249: set "
                f"TOKENSHARE_{setting} to a shorter name"
            )
    names = (source, dead_letters, changelog)
    if len(set(names)) < len(names):
        raise ValueError(
            f"source, dead-letter and changelog topic are {', '.join(names)}: they must be three. "
            "Change TOKENSHARE_TOPIC, TOKENSHARE_DEAD_LETTER_TOPIC or TOKENSHARE_GROUP"
        )


def tls_context(
    ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """Return a context for clients. Raises ValueError that names a file which is of no use."""
    ca, cert, key = (f"TOKENSHARE_SSL_{name}_FILE" for name in ("CA", "CERT", "KEY"))
    if key_file is not None and cert_file is None:
        raise ValueError(f"{key} is set and {cert} is not: set both, or neither.")
    for name, path in ((ca, ca_file), (cert, cert_file), (key, key_file)):
        if path is not None:
            _read_some(name, path)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{ca} holds no certificate: {_reason(error)}. Set it to PEM.") from None
    if cert_file is not None:
        try:
            context.load_cert_chain(cert_file, key_file, _refuse_password)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"{cert} and {key} are no certificate with its key: {_reason(error)}. Set both to "
                "PEM; the key must be that of the first certificate."
            ) from None
    return context


def _read_some(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such path"
        raise ValueError(f"{name} cannot be read: {why} ({path}).") from None
    if is_empty:
        raise ValueError(f"{name} is empty ({path}).")


def _reason(error: OSError) -> str:
    # The reason of OpenSSL has no text of the file.
    return str(getattr(error, "reason", None) or error.strerror or type(error).__name__)


def _refuse_password() -> str:
    # Without this, OpenSSL asks whoever sits at the terminal, and a process waits for ever.
    raise ValueError("TOKENSHARE_SSL_KEY_FILE is encrypted. Store the key without a passphrase.")
