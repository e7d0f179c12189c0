"""A real bridge stays within its memory, whatever is posted to it."""

from __future__ import annotations

import gzip
import os
import re
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bridge_posts import BridgeProcess
from dense import JSON, MOST, OF_SAMPLES, PROTOBUF
from laws import apart, some

from streams.decode.formats.registry import NAMES
from streams.gateway.bridge.post import CODINGS

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.any_broker,
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of a process"),
]

#: The container's limit is 512 MiB; this is the most that README promises.
MOST_BYTES = 400_000_000
#: Clients that post at the same moment: more than the bridge takes.
CLIENTS = 8


@pytest.fixture(scope="module")
def bridge(bootstrap, tmp_path_factory):
    """A bridge with the settings that it has where none is set."""
    name = f"memory-{os.getpid()}"
    log = tmp_path_factory.mktemp("memory") / "bridge.log"
    bridge = BridgeProcess(
        log, own=True, bootstrap_servers=bootstrap, topic=name, group=name
    ).start()
    bridge.wait_ready()
    yield bridge
    assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()


def peak_of(bridge: BridgeProcess) -> int:
    assert bridge.process is not None
    status = Path(f"/proc/{bridge.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def post(bridge: BridgeProcess, body: bytes, *, is_protobuf: bool, coding: str = "") -> int:
    kind = "application/x-protobuf" if is_protobuf else "application/json"
    headers = {"Content_Type": kind} | ({"Content_Encoding": coding} if coding else {})
    path = "/v1/traces" if is_protobuf else "/v1/events"
    return bridge.ask("POST", path, body, **headers)[0]


ALL = [
    # Those that the decoder's own test leaves out.
    *some(
        [
            *(pytest.param(make, True, id=f"protobuf: {name}") for name, make in PROTOBUF.items()),
            *(pytest.param(make, False, id=f"json: {name}") for name, make in JSON.items()),
        ],
        first=1,
    ),
    # Of each format either its copies or what it is filled with; in `.ci/run` both.
    *(
        pytest.param(make, False, id=f"sample: {name}")
        for number, (name, make) in enumerate(OF_SAMPLES.items())
        if apart() == 1 or (number + number // 2) % 2
    ),
]


# In a row and to one bridge: what one body leaves behind is there when the next one comes.
@pytest.mark.parametrize(("make", "is_protobuf"), ALL)
def test_a_body_of_the_largest_size_takes_bounded_memory(bridge, make, is_protobuf):
    body = make()
    assert len(body) <= MOST

    status = post(bridge, gzip.compress(body, 1), is_protobuf=is_protobuf, coding="gzip")

    assert status in {200, 202, 400, 413}
    assert peak_of(bridge) < MOST_BYTES


def test_each_format_has_bodies_of_its_own():
    assert {name.partition(",")[0] for name in OF_SAMPLES} == {*NAMES}


def compressed(coding: str, body: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=CODINGS[coding])
    return packer.compress(body) + packer.flush()


def in_members(coding: str, body: bytes) -> bytes:
    """Return a body compressed in members, as parallel compressors write it."""
    size = len(body) // 50
    return b"".join(compressed(coding, body[at : at + size]) for at in range(0, len(body), size))


@pytest.mark.parametrize("is_protobuf", [False, True], ids=["events", "traces"])
@pytest.mark.parametrize("pack", [compressed, in_members], ids=["whole", "in members"])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_of_any_coding_takes_bounded_memory(bridge, coding, pack, is_protobuf):
    bomb = pack(coding, bytes(100_000_000))
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = set(
            pool.map(
                lambda _: post(bridge, bomb, is_protobuf=is_protobuf, coding=coding),
                range(CLIENTS),
            )
        )

    assert statuses <= {413, 429}
    assert 413 in statuses
    assert peak_of(bridge) < MOST_BYTES


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize(
    ("make", "is_protobuf"),
    [
        pytest.param(group[name], group is PROTOBUF, id=name)
        for group, name in (
            (PROTOBUF, "good spans"),
            (PROTOBUF, "buckets of a point"),
            (JSON, "many keys"),
            (JSON, "plugins of Kong"),
            (JSON, "events"),
        )
    ],
)
def test_many_of_them_at_once_do_too(bridge, make, is_protobuf, coding):
    body = gzip.compress(make(), 1) if coding else make()
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = set(
            pool.map(
                lambda _: post(bridge, body, is_protobuf=is_protobuf, coding=coding),
                range(CLIENTS),
            )
        )

    assert statuses <= {200, 202, 400, 413, 429}
    assert statuses != {429}
    assert peak_of(bridge) < MOST_BYTES
    assert bridge.ask("GET", "/healthz")[0] == 200
