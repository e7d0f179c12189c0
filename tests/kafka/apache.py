"""Apache Kafka itself, one broker in KRaft mode, from its jars and without a container.

The jars come from Maven once, into a cache under the user's cache directory. `python apache.py`
runs a broker on port 9092 until it is interrupted, for a developer.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import zlib
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from streams.demo.broker import cluster_at, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

POM = Path(__file__).with_name("pom.xml")
VERSION = POM.read_text().rpartition("<version>")[2].partition("<")[0]
START_SECONDS = 120.0
#: One compiler instead of two: a broker that lives for seconds takes half the CPU time.
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
#: Kafka writes a line for each setting and each partition at info; an end has an error.
_LOGGING = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
#: Bytes of a record batch before those that its length counts.
_BEFORE_LENGTH = 12


class MissingToolError(RuntimeError):
    """Java or Maven is not installed; the message says which packages bring them."""


def jars() -> Path:
    """Return the directory of Kafka's jars, fetched on first use. Raises MissingToolError."""
    for tool, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(tool) is None:
            raise MissingToolError(f"{tool} is not installed (Debian package {package})")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokenshare"
    # Another list of jars is another directory.
    target = cache / f"kafka-{VERSION}-{zlib.crc32(POM.read_bytes()):08x}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(target.name, cache):
        if not target.is_dir():
            _fetch(cache, target)
    return target


@contextmanager
def locked(name: str, cache: Path) -> Iterator[None]:
    """Hold the lock of something in the cache; another process that wants it waits."""
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as fresh:
        shutil.copy(POM, fresh)
        subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"],
            cwd=fresh,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        # In one step, so that a fetch that was cut off leaves nothing that looks whole.
        (Path(fresh) / "libs").rename(target)


def class_archive() -> Path:
    """Return an archive of Kafka's classes, made on first use: with it a start takes half again.

    Java goes on without one that it cannot use, such as that of another version.
    """
    libraries = jars()
    target = libraries.with_name(f"{libraries.name}.jsa")
    with locked(target.name, target.parent):
        if not target.exists():
            fresh = target.with_suffix(".jsa.fresh")
            options = (*_SHORT_LIVED, f"-XX:ArchiveClassesAtExit={fresh}")
            with ApacheKafka(java_options=options, is_short_lived=False):
                pass
            fresh.rename(target)
    return target


def new_cluster_id() -> str:
    """Return a random id of a cluster, as Kafka writes it."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class ApacheKafka:
    """A broker with its data in a directory of its own; `properties` are added to its settings.

    A property may hold `{name}` for the setting of that name that it replaces. `cluster_id` and
    `heap` are the cluster that it belongs to and Java's limit of memory. One that is not
    `is_short_lived` is compiled as in production, for benchmarks.
    """

    def __init__(
        self,
        properties: Mapping[str, str] | None = None,
        port: int | None = None,
        java_options: Sequence[str] = (),
        *,
        cluster_id: str | None = None,
        heap: str = "1g",
        is_short_lived: bool = True,
    ) -> None:
        self._java_options = [*java_options]
        if is_short_lived:
            self._java_options += [*_SHORT_LIVED, f"-XX:SharedArchiveFile={class_archive()}"]
        self._jars = jars()
        self._port = port or free_port()
        self._cluster_id = cluster_id or new_cluster_id()
        self._heap = heap
        self.controller_port = free_port()
        self._directory = Path(tempfile.mkdtemp(prefix="tokenshare-kafka-"))
        self.properties = dict(properties or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect, host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What the broker has said."""
        return self._directory / "log"

    @property
    def data(self) -> Path:
        """The directory of its logs, a folder a partition."""
        return self._directory / "data"

    def log_bytes(self, topic: str) -> int:
        """Return the bytes of a topic's log segments, of all partitions."""
        segments = self.data.glob(f"{topic}-*/*.log")
        return sum(segment.stat().st_size for segment in segments)

    def cut(self, topic: str, partition: int, offset: int) -> int:
        """Cut a partition's only segment at a batch near an offset, as a power loss may do.

        The broker must not run. Returns where the log ends now.
        """
        (path,) = (self._directory / "data" / f"{topic}-{partition}").glob("*.log")
        data = path.read_bytes()
        at = end = 0
        while at < len(data) and end < offset:
            at += _BEFORE_LENGTH + int.from_bytes(data[at + 8 : at + 12])
            end = int.from_bytes(data[at : at + 8])
        os.truncate(path, at)
        return end

    def __enter__(self) -> Self:
        self.configure()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def configure(self) -> None:
        """Write its settings and format its disk; once, before the first start."""
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": (
                f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self.controller_port}"
            ),
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.data),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(32 * 1024 * 1024),
        }
        settings |= {
            name: value.replace(f"{{{name}}}", settings.get(name, ""))
            for name, value in self.properties.items()
        }
        (self._directory / "server.properties").write_text(
            "".join(f"{name}={value}\n" for name, value in settings.items())
        )
        self._format()

    def _format(self) -> None:
        formatting = self._java(
            "kafka.tools.StorageTool", "format", f"--cluster-id={self._cluster_id}", "-c"
        )
        if formatting.wait(START_SECONDS):
            raise RuntimeError(f"Kafka's disk cannot be formatted:\n{self.log.read_text()[-3000:]}")

    def wipe(self) -> None:
        """Give the broker, which has been stopped, an empty disk."""
        shutil.rmtree(self.data)
        self._format()

    def _java(self, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    *("java", f"-Xmx{self._heap}", *_LOGGING, *self._java_options),
                    *("-cp", f"{self._jars}/*", main, *arguments),
                    str(self._directory / "server.properties"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the broker on its data, and wait until it answers."""
        self.launch()
        self.wait_up()

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start the broker on its data; it may wait for others of its cluster."""
        self._process = self._java("kafka.Kafka")

    def wait_up(self) -> None:
        """Wait until it answers. Raises RuntimeError where it has ended, or does not."""
        deadline = time.monotonic() + START_SECONDS
        while cluster_at("127.0.0.1", self._port, 1.0) is None:
            process = self._process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Kafka does not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the broker, by default in good order; its data stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        # A frozen one takes the signal when it goes on.
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """Let it do nothing, with its connections open: a hung disk or a dropped network."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


def main() -> None:
    """Run a broker until interrupted."""
    with ApacheKafka({"auto.create.topics.enable": "true"}, port=9092) as broker:
        print(f"Apache Kafka {VERSION} on {broker.bootstrap}, data gone with it; Ctrl-C ends it.")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
