"""Real packages trace requests to mocked models and export them to a bridge: each counts once."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from bridge_posts import records
from emitter_packages import REQUIREMENTS, MissingPackagesError, python
from laws import some
from mocked_models import ANSWER, MODELS, Charged

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PROGRAMS = Path(__file__).with_name("programs")
ASKED_FOR = {answered: asked for asked, answered in MODELS.items()}
#: Starting an interpreter or a Java with such packages takes seconds.
RUN_SECONDS = 240


class Emitter(NamedTuple):
    """A program that asks models, and what traces it.

    `answers` are the requests that the models answer, `failures` those that they do not. Where not
    `knows_answer`, some spans name the model that was asked for instead of the one that answered.
    """

    program: str
    answers: int
    failures: int
    language: str = "python"
    knows_answer: bool = True
    arguments: tuple[str, ...] = ()


EMITTERS = {
    "openinference": Emitter("run_openinference.py", 15, 4),
    "openllmetry": Emitter("run_openllmetry.py", 15, 4),
    "opentelemetry": Emitter("run_opentelemetry.py", 8, 2),
    "langfuse": Emitter("run_langfuse.py", 11, 3),
    "mlflow": Emitter("run_mlflow.py", 13, 4, knows_answer=False),
    "strands": Emitter("run_strands.py", 6, 2, knows_answer=False),
    "litellm": Emitter("run_litellm.py", 12, 2, "ours", knows_answer=False),
    "ai-sdk": Emitter("ask.mjs", 18, 3, "node"),
    "ai-sdk-legacy": Emitter("ask.mjs", 18, 3, "node", arguments=("legacy",)),
    "spring-ai": Emitter("tokenshare.Ask", 8, 2, "java"),
}


def command(emitter, packages):
    """Return a program's command line."""
    if emitter.language == "node":
        return ["node", str(packages("node") / emitter.program), *emitter.arguments]
    if emitter.language == "java":
        where = packages("java")
        path = f"{where / 'target/classes'}:{where}:{where / 'libs'}/*"
        return ["java", "-XX:TieredStopAtLevel=1", "-cp", path, emitter.program]
    python = sys.executable if emitter.language == "ours" else packages("python")
    return [str(python), "-W", "ignore", str(PROGRAMS / emitter.program)]


def environment(models, bridge, home):
    """Return a program's environment: none of it leads to another machine."""
    url = f"http://127.0.0.1:{bridge.port}"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MODELS_URL": models.url,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces",
        # MLflow takes gRPC otherwise.
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        # LiteLLM's names.
        "OTEL_EXPORTER": "otlp_http",
        "OTEL_ENDPOINT": f"{url}/v1/traces",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # What would leave the machine all the same ends here.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def counted(bootstrap, topic, least):
    """Return how often each model and its counts are in Kafka."""
    found = Counter()
    for record in records(bootstrap, topic, least):
        assert all(text.strip().encode() not in record.value for text in ANSWER)
        assert b"quantum" not in record.value
        event = orjson.loads(record.value)
        found[Charged(event["model"], event["prompt_tokens"], event["completion_tokens"])] += 1
    return found


def as_asked(counts):
    """Return the counts by the model that was asked for, without its provider."""
    found = Counter()
    for each, number in counts.items():
        model = each.model.rpartition("/")[2]
        found[each._replace(model=ASKED_FOR.get(model, model))] += number
    return found


@pytest.mark.parametrize(
    "emitter", [pytest.param(EMITTERS[name], id=name) for name in some(list(EMITTERS))]
)
def test_each_answer_is_counted_once(
    emitter, packages, models, make_bridge, bootstrap, topic, tmp_path
):
    run = command(emitter, packages)
    bridge = make_bridge().wait_ready()
    done = subprocess.run(
        run,
        env=environment(models, bridge, tmp_path),
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (len(models.charged), models.failed) == (emitter.answers, emitter.failures)

    found, charged = counted(bootstrap, topic, emitter.answers), Counter(models.charged)
    if not emitter.knows_answer:
        found, charged = as_asked(found), as_asked(charged)
    assert found == charged
    assert bridge.metric('tokenshare_bridge_events_total{reason="",result="accepted"}') == (
        emitter.answers
    )
    said = bridge.ask("GET", "/metrics")[2].decode().splitlines()
    rejected = [line for line in said if 'result="rejected"' in line]
    assert [line for line in rejected if not line.endswith(" 0.0")] == []


def test_the_pinned_versions_are_those_that_are_asked_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    pinned = REQUIREMENTS.read_text().splitlines()

    assert set(project["dependency-groups"]["emitters"]) <= set(pinned), "run: make requirements"


def test_packages_that_cannot_be_fetched_are_reported_each_time(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    for _ in range(2):
        with pytest.raises(MissingPackagesError, match="python cannot get the packages"):
            python()
