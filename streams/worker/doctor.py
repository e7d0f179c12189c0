"""Checks of everything that a worker needs, each with a remedy where it fails."""

from __future__ import annotations

import errno
import http.client
import socket
from functools import partial
from typing import TYPE_CHECKING

from kafka.errors import KafkaError

from streams.classify import tenant_names
from streams.classify.language import detect
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.review import unusual_overrides
from streams.classify.origin.values import CatalogError
from streams.classify.provider import review as provider_review
from streams.classify.toml_file import FaultsError
from streams.decode.options import AUTO, Options
from streams.kafka import admin, login
from streams.kafka.token_source import TokenError
from streams.settings import ENV_PREFIX, SettingsError, environment, extras, unknown_variables
from streams.shares import policy_file
from streams.shifts import notes_file
from streams.worker import preflight
from streams.worker.preflight import Finding
from streams.worker.prices import prices_of

#: Limits on the question whether a worker listens on our port.
_ASK_SECONDS, _ASK_BYTES = 2.0, 1000

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from streams.settings import Settings


def examine(settings: Settings, *, fix: bool = False) -> list[Finding]:
    """Return the findings, settings first; with `fix`, missing topics are created."""
    return list(_examine(settings, fix=fix))


def _examine(settings: Settings, *, fix: bool) -> Iterator[Finding]:
    yield _tls(settings)
    yield from _misspelt()
    yield _formats(settings)
    yield from _catalog(settings)
    yield from _prices(settings)
    yield from _files(settings)
    yield _web_port(settings)
    servers = ", ".join(settings.bootstrap_servers)
    try:
        token = login.token(settings)
    except (TokenError, SettingsError) as error:
        yield _without_token(error)
        return
    if token is not None:
        yield Finding("login", f"a token for {token.lifetime:.0f} s")
    try:
        client = admin.connect(settings)
    except (admin.BrokerError, SettingsError) as error:
        yield Finding(f"Kafka at {servers}", "", "not reached", str(error))
        return
    try:
        yield Finding(f"Kafka at {servers}", "answers")
        if fix:
            for name in admin.create_missing(client, settings):
                yield Finding(f"topic {name}", "created")
        yield from preflight.check(client, settings)
    except admin.TopicError as error:
        yield Finding("topics", "", "cannot be created", str(error))
    except KafkaError as error:
        yield Finding(
            f"Kafka at {servers}", "", f"fails: {error}", "See the broker's log; try again."
        )
    finally:
        client.close()


def _without_token(error: TokenError | SettingsError) -> Finding:
    if isinstance(error, TokenError):
        return Finding("login", "", error.problem, error.remedy)
    return Finding("login", "", "there can be no token", str(error))


def _tls(settings: Settings) -> Finding:
    try:
        context = settings.ssl_context()
    except SettingsError as error:
        return Finding("TLS", "", "files cannot be read", str(error))
    return Finding("settings", "TLS is on" if context is not None else "readable")


def _misspelt() -> Iterator[Finding]:
    for name, close in unknown_variables(environment()):
        yield Finding(
            name, "", "is not a setting", f"Did you mean {close}?" if close else "Remove it."
        )


def _formats(settings: Settings) -> Finding:
    try:
        options = Options.of(settings)
    except SettingsError as error:
        return Finding("formats", "", "cannot be read", str(error))
    if options.detect is not None and not detect.HAS_MODEL:
        return Finding(
            "languages",
            f"declared and by script only: {extras.advice('language')} for the rest",
        )
    return Finding("formats", "any" if options.format == AUTO else options.format)


def _prices(settings: Settings) -> Iterator[Finding]:
    try:
        if prices_of(settings) is not None:
            yield Finding("prices", settings.prices)
    except SettingsError as error:
        yield Finding("prices", "", "cannot be read", str(error))


def _catalog(settings: Settings) -> Iterator[Finding]:
    try:
        catalog = Catalog.load(settings.catalog_overrides)
    except CatalogError as error:
        for fault in error.faults:
            yield _fault("catalogue", fault)
        return
    name = settings.catalog_overrides
    if name is None:
        yield Finding("catalogue", "built in")
        return
    providers = catalog.providers
    number = len([*catalog.overrides.entries(), *providers.overrides.entries])
    yield Finding("catalogue", f"with {number} overrides from {name}")
    for each in (*unusual_overrides(catalog), *provider_review.unusual_overrides(providers)):
        yield _fault(str(name), each)


def _notes(path: Path) -> str:
    found = notes_file.read(path)
    rest = f", without {found.omitted} older ones" if found.omitted else ""
    return f"{len(found.entries)} from {path}{rest}"


def _tenant_names(path: Path) -> str:
    return f"{len(tenant_names.read(path).by_hash)} from {path}"


def _policy(path: Path, salt: SecretStr) -> str:
    found = policy_file.read(path, salt.get_secret_value())
    return f"{len(found.groups)} groups from {path}"


def _files(settings: Settings) -> Iterator[Finding]:
    yield from _file("notes", settings.notes, _notes)
    yield from _file("names of tenants", settings.tenant_names, _tenant_names)
    yield from _file("policy", settings.policy, partial(_policy, salt=settings.tenant_salt))


def _file(subject: str, path: Path | None, contents: Callable[[Path], str]) -> Iterator[Finding]:
    """Yield what a file has that a setting names, or each fault in it; nothing without one."""
    if path is None:
        return
    try:
        yield Finding(subject, contents(path))
    except FaultsError as error:
        for fault in error.faults:
            yield _fault(subject, fault)


def _fault(subject: str, text: str) -> Finding:
    problem, _, remedy = text.partition(" Remedy: ")
    return Finding(subject, "", problem, remedy[:1].upper() + remedy[1:])


def _web_port(settings: Settings) -> Finding:
    subject = f"web port {settings.web_port}"
    family = socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.web_host, settings.web_port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _port_in_use(subject, settings)
            return Finding(
                subject,
                "",
                f"cannot be opened at {settings.web_host}: {error.strerror or error}",
                f"Set {ENV_PREFIX}WEB_HOST to an address of this machine, and {ENV_PREFIX}WEB_PORT "
                "to a port that this user may listen on.",
            )
    return Finding(subject, "free")


def _port_in_use(subject: str, settings: Settings) -> Finding:
    """Return who listens on our port: a worker, or something else that has to go."""
    is_any = settings.web_host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not listened on
    host = "127.0.0.1" if is_any else settings.web_host
    connection = http.client.HTTPConnection(host, settings.web_port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Host": "127.0.0.1"})
        is_worker = b'"status":"ok"' in connection.getresponse().read(_ASK_BYTES)
    except (OSError, http.client.HTTPException):
        is_worker = False
    finally:
        connection.close()
    if is_worker:
        return Finding(subject, "in use by a worker")
    return Finding(
        subject,
        "",
        "in use by another program",
        f"Stop that one, or set {ENV_PREFIX}WEB_PORT to a free port.",
    )
