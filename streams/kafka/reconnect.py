"""What aiokafka does as it connects again: read changed files, and note who refuses it.

A password or certificate may be replaced while a process runs. aiokafka keeps those that it was
given, and only logs a refusal, so `install` replaces the method that connects. Importing this
module changes nothing.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streams.settings import SettingsError

if TYPE_CHECKING:
    from streams.settings import Settings

#: A refusal is forgotten after this long without another: clients retry several times a second.
STALE_SECONDS = 15.0
#: Errors of a connection that another login, or other TLS files, would not have.
LOGIN_ERRORS = (SaslAuthenticationFailed, UnsupportedSaslMechanismError)
_ERRORS = (*LOGIN_ERRORS, ssl.SSLError)

_FileStates = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which broker refuses this process, or is refused by it, and the error."""

    server: str
    error: Exception


class Refusals:
    """The brokers that refused the last connection to them; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[Refusal, float]] = {}

    def note(self, refusal: Refusal) -> None:
        """Note a refusal, in place of an earlier one of the same broker."""
        with self._lock:
            self._found[refusal.server] = refusal, time.monotonic()

    def clear(self, server: str) -> None:
        """Note that a connection to a broker succeeded."""
        with self._lock:
            self._found.pop(server, None)

    def current(self) -> Refusal | None:
        """Return a refusal that lasts, by the order of the brokers' names, or None."""
        oldest = time.monotonic() - STALE_SECONDS
        with self._lock:
            lasting = [each for each, at in self._found.values() if at > oldest]
        return min(lasting, key=lambda each: each.server, default=None)


#: Those of this process, by all of its clients.
REFUSALS = Refusals()


class _FilePassword(str):
    """The password that a file held, with the settings that name the file."""

    __slots__ = ("settings",)
    settings: Settings


@dataclass(frozen=True, slots=True)
class _TlsFiles:
    """The files of a context as they were `seen`, and what has replaced it since, if anything."""

    settings: Settings
    seen: _FileStates
    newest: ssl.SSLContext | None = None


#: By the context that a client was made with, and still gives to each connection.
_tls_files: WeakKeyDictionary[ssl.SSLContext, _TlsFiles] = WeakKeyDictionary()


def security(settings: Settings) -> dict[str, Any]:
    """Return aiokafka's security arguments, which connections replace as their files change.

    Raises SettingsError where a file cannot be read.
    """
    install()
    seen = _state_of_files(settings)
    found = settings.kafka_security()
    if "ssl_context" in found:
        _tls_files[found["ssl_context"]] = _TlsFiles(settings, seen)
    if settings.sasl_password_file is not None and "sasl_plain_password" in found:
        found["sasl_plain_password"] = _password(settings, found["sasl_plain_password"])
    return found


def _password(settings: Settings, text: str) -> _FilePassword:
    password = _FilePassword(text)
    password.settings = settings
    return password


def _state_of_files(settings: Settings) -> _FileStates:
    """Return what changes with each replacement of a TLS file."""
    found: list[tuple[int, int, int] | None] = []
    for path in (settings.ssl_ca_file, settings.ssl_cert_file, settings.ssl_key_file):
        state = None
        if path is not None:
            with contextlib.suppress(OSError):
                stat = path.stat()
                state = stat.st_mtime_ns, stat.st_ino, stat.st_size
        found.append(state)
    return tuple(found)


_connect = AIOKafkaConnection.connect


def install() -> None:
    """Patch aiokafka for this process; a second call changes nothing more."""
    AIOKafkaConnection.connect = _connect_anew


async def _connect_anew(self: Any) -> Any:
    """Connect with what the files hold now, and note whether the broker refuses it."""
    server = f"{self._host}:{self._port}"
    unread = _read_again(self)
    try:
        found = await _connect(self)
    except (*_ERRORS, KafkaConnectionError) as error:
        # With TLS 1.3 a certificate is refused after the handshake: the first request fails.
        cause = error.__cause__ if isinstance(error, KafkaConnectionError) else error
        # The end of a connection is not a refusal: a broker that stops ends it as well.
        if isinstance(cause, _ERRORS) and not isinstance(cause, ssl.SSLEOFError):
            REFUSALS.note(Refusal(server, unread or cause))
        raise
    REFUSALS.clear(server)
    return found


def _read_again(connection: Any) -> SettingsError | None:
    """Give a connection what its files hold now; where one cannot be read, leave it as it is."""
    try:
        password = connection._sasl_plain_password
        if isinstance(password, _FilePassword):
            text = password.settings.password()
            connection._sasl_plain_password = _password(password.settings, text)
        context = connection._ssl_context
        files = None if context is None else _tls_files.get(context)
        if files is not None:
            connection._ssl_context = _newest_context(context, files)
    except SettingsError as error:
        return error
    return None


def _newest_context(first: ssl.SSLContext, files: _TlsFiles) -> ssl.SSLContext:
    """Return a context of the files as they are now. Raises SettingsError."""
    now = _state_of_files(files.settings)
    if now != files.seen:
        files = _TlsFiles(files.settings, now, files.settings.ssl_context())
        _tls_files[first] = files
    return files.newest or first
