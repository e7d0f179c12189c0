"""A report of what a running worker has counted."""

from __future__ import annotations

import orjson
import pytest
from report_inputs import CATALOG, NOW, run, worker_of

from streams.cli import client
from streams.decode.options import Options
from streams.report.summary import LATER_DIMENSIONS, STEP_OF
from streams.shares.history import History
from streams.state.view import View


@pytest.fixture
def worker(monkeypatch, traffic):
    """A worker that has counted the same records; returns what it was asked."""
    values = traffic.read_bytes().splitlines()
    flush = worker_of(values, Options()).begin_flush()
    view = View()
    for key, value in (*flush.panes.items(), flush.position):
        view.apply(key, value)
    history = History(view, CATALOG)
    asked = []

    def get(url, path, **query):
        asked.append((url, path))
        if path == "/api/v1/shares":
            return {"simulated": True}
        found = history.read(
            query["dimension"], query["step"], query.get("start"), query.get("end"), NOW
        )
        return client._checked(orjson.dumps(found), url, path, client._History)

    monkeypatch.setattr(client, "get", get)
    return asked


@pytest.mark.parametrize("by", STEP_OF)
@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--measure", "cost", "--since", "2026-01-10T12:00"),
        ("--since", "2026-01-14", "--until", "2026-01-21", "--against", "before"),
    ],
)
def test_a_worker_and_its_records_in_a_file_give_the_same_report(worker, traffic, by, more):
    of_worker = orjson.loads(run("--json", "--by", by, *more).stdout)
    of_file = orjson.loads(run(traffic, "--json", "--by", by, *more).stdout)

    assert of_worker.pop("simulated") is True
    assert of_file.pop("simulated") is False
    assert (of_worker.pop("read"), of_file.pop("read")["counted"]) == (None, 90)
    assert of_worker == of_file
    assert {url for url, _ in worker} == {"http://127.0.0.1:6066"}


def test_the_worker_that_is_asked_is_the_one_of_the_settings(worker, monkeypatch):
    monkeypatch.setenv("TOKENSHARE_WEB_PORT", "8080")

    assert run("--json").exit_code == 0
    assert run("--json", "--url", "http://worker:6066").exit_code == 0

    assert {url for url, _ in worker} == {"http://127.0.0.1:8080", "http://worker:6066"}


def test_simulated_traffic_is_called_so_in_every_form(worker, tmp_path):
    run("--html", tmp_path / "r.html")

    for said in (run().stdout, run("--markdown").stdout, (tmp_path / "r.html").read_text()):
        assert "Simulated traffic" in said


def test_json_keeps_what_it_had(worker):
    report = orjson.loads(run("--json", "--url", "http://127.0.0.1:7").stdout)

    assert report["weeks"] == 5
    assert {"tokens", "requests", "simulated"} <= report.keys()
    assert set(report["origin"]["cn-open"]) == {"first", "highest", "last", "average"}
    assert sum(report["language"].values()) == pytest.approx(1)
    assert {url for url, _ in worker} == {"http://127.0.0.1:7"}


def test_a_worker_of_before_providers_gives_what_it_knows(worker, monkeypatch):
    new = client.get

    def old(url, path, **query):
        if query.get("dimension") in LATER_DIMENSIONS:
            raise client.UnknownToWorkerError(f"{path} responds with 400")
        body = new(url, path, **query)
        for each in body.get("points", ()):
            for name in ("uncached_tokens", "cost", "priced_tokens", "measured_tokens"):
                del each[name]
            each["cells"] = {key: counts[:4] for key, counts in each["cells"].items()}
        return body

    monkeypatch.setattr(client, "get", old)
    for form in ("--json", "--csv", "--markdown"):
        done = run(form, "--measure", "uncached_tokens")
        assert done.exit_code == 0, done.stderr
    report = orjson.loads(run("--json").stdout)
    assert (report["requests"], report["uncached_tokens"], report["cost"]) == (90, None, None)
    assert (report["provider"], report["law"], report["priced_ratio"]) == ({}, [], None)
    said = " ".join(run("--measure", "uncached_tokens").stdout.split())
    assert "Uncached tokens are not known: the worker did not count cache reads." in said


def test_another_refusal_is_an_error(worker, monkeypatch):
    def refuse(url, path, **query):
        raise client.UnknownToWorkerError("responds with 400: step has an unknown value")

    monkeypatch.setattr(client, "get", refuse)
    done = run("--json")

    assert done.exit_code != 0
    assert "step has an unknown value" in done.stderr
