"""Tenants in a report, where they are asked for: by hash, or by the name of a file."""

from __future__ import annotations

import csv
import io

import orjson
import pytest
from report_inputs import CATALOG, event, ndjson, run
from test_batch_fetch import batch_of

from streams.classify.classifier import Classifier
from streams.classify.tenant import hashed, marked
from streams.cli import client
from streams.counting.partition import Partition
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.shares.history import History
from streams.shares.tenants import TenantShares
from streams.state.view import View

SALT = "pepper"
ACME, BETA = (hashed(name, SALT.encode()) for name in ("acme", "beta"))
#: Within the nine days that a worker keeps.
DAYS = (0, 1, 2)


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    names = tmp_path / "tenants.toml"
    names.write_text(f'{ACME} = "Acme, search"\n')
    monkeypatch.setenv("TOKENSHARE_TENANT_NAMES", str(names))
    monkeypatch.setenv("TOKENSHARE_TENANT_SALT", SALT)


def events():
    for day in DAYS:
        yield event(day, prompt=60, completion=0, tenant="acme")
        yield event(day, prompt=15, completion=0, tenant="beta")
        # As the process beside the gateway writes it.
        yield event(day, prompt=15, completion=0, tenant=marked("beta", SALT.encode()))
        yield event(day, prompt=10, completion=0)


@pytest.fixture
def usage(tmp_path):
    path = tmp_path / "tenants.ndjson"
    path.write_bytes(ndjson(*events()))
    return path


@pytest.fixture
def worker(monkeypatch):
    """A worker that has counted the same events, and has the same file of names."""
    values = [orjson.dumps(each) for each in events()]
    classifier = Classifier(CATALOG, SALT)
    read = Reader(classifier, Options()).read(0, len(values), [batch_of(values)])
    partition = Partition.restore(0, 1, {})
    now = max(each["ts"] for each in events()) + 60.0
    partition.apply(read, classifier, now)
    flush = partition.begin_flush()
    view = View()
    for key, value in (*flush.panes.items(), flush.position):
        view.apply(key, value)
    history = History(view, CATALOG)
    of_tenants = TenantShares(view, history)

    def get(url, path, **query):
        if path == "/api/v1/shares":
            return {"simulated": False}
        dimension, step, start, end = (query.get(e) for e in ("dimension", "step", "start", "end"))
        if dimension == "tenant":
            panes = of_tenants.panes(now, start or 0, end)
            found = of_tenants.history(panes, dimension, step, {})
        else:
            found = history.read(dimension, step, start, end, now)
        return client._checked(orjson.dumps(found), url, path, client._History)

    rows = [{"key": ACME, "name": "Acme, search"}, {"key": BETA}]
    monkeypatch.setattr(client, "get", get)
    monkeypatch.setattr(
        client, "table", lambda url, dimension: {"windows": {"5m": {}, "7d": {dimension: rows}}}
    )


def test_without_the_option_there_is_no_tenant(usage):
    for form in ("--json", "--csv", "--markdown"):
        said = run(usage, form).stdout
        assert ACME not in said
        assert "Acme" not in said
    assert orjson.loads(run(usage, "--json").stdout)["tenant"] is None


@pytest.mark.parametrize("form", [(), ("--markdown",), ("--html", "-")])
def test_each_form_for_people_has_a_table(usage, form):
    said = run(usage, "--tenants", *form).stdout

    assert "Tokens by tenant" in said
    assert "kept for nine days" not in said
    assert "Acme, search" in said
    assert BETA in said
    assert "No tenant named" in said
    assert ACME not in said


@pytest.mark.parametrize("by", ["day", "week"])
@pytest.mark.parametrize("more", [(), ("--since", "2026-01-06")])
def test_a_worker_and_its_records_in_a_file_have_the_same_tenants(usage, worker, by, more):
    of_worker = orjson.loads(run("--tenants", "--json", "--by", by, *more).stdout)
    of_file = orjson.loads(run(usage, "--tenants", "--json", "--by", by, *more).stdout)

    assert of_worker["tenant"] == of_file["tenant"]
    tenants = of_file["tenant"]["tenants"]
    assert [*tenants] == [ACME, BETA, "unknown"]
    assert [each["name"] for each in tenants.values()] == ["Acme, search", BETA, "No tenant named"]
    assert [each["tokens_ratio"] for each in tenants.values()] == pytest.approx([0.6, 0.3, 0.1])
    assert [each["requests_ratio"] for each in tenants.values()] == [0.25, 0.5, 0.25]
    assert {each["cost"] for each in tenants.values()} == {None}


def test_csv_has_the_hash_and_the_name(usage):
    rows = [*csv.DictReader(io.StringIO(run(usage, "--tenants", "--csv", "--by", "day").stdout))]
    tenants = [each for each in rows if each["dimension"] == "tenant"]

    assert rows[-len(tenants) :] == tenants
    assert [(each["key"], each["name"]) for each in tenants[:3]] == [
        (ACME, "Acme, search"),
        (BETA, BETA),
        ("unknown", "No tenant named"),
    ]
    assert len(tenants) == 3 * len(DAYS)
    assert {each["cost"] for each in tenants} == {""}


def test_days_that_a_worker_has_no_tenants_of_are_named(usage, worker, monkeypatch):
    whole = client.get

    def older(url, path, **query):
        found = whole(url, path, **query)
        if query.get("dimension") == "tenant":
            found["points"] = found["points"][1:]
        return found

    monkeypatch.setattr(client, "get", older)
    said = " ".join(run("--tenants", "--by", "day").stdout.split())
    assert "by tenant (kept for nine days), 2026-01-06 to 2026-01-07" in said

    monkeypatch.setattr(
        client,
        "get",
        lambda url, path, **query: (
            {"points": []}
            | (whole(url, path, **query) if query.get("dimension") != "tenant" else {})
        ),
    )
    done = run("--tenants", "--by", "day")
    assert "by tenant" not in done.stdout
    assert "There are no tenants: a worker keeps them for nine days." in done.stderr


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--measure", "cost"), "not by price"),
        (("--measure", "uncached_tokens"), "not by price"),
        (("--since", "2026-01-06", "--against", "before"), "has no --against"),
        (("--unknown",), "have no"),
    ],
)
def test_what_tenants_are_not_counted_by_is_refused(more, why):
    done = run("--tenants", *more)

    assert done.exit_code == 2
    assert why in done.stderr


def test_a_fault_in_the_file_of_names_is_said_and_no_name(usage, monkeypatch, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text('Secretco = "a"\n')
    monkeypatch.setenv("TOKENSHARE_TENANT_NAMES", str(path))

    done = run(usage, "--tenants")
    assert done.exit_code == 1
    assert "line 1: the key is no hash of a tenant" in done.stderr
    assert "Secretco" not in done.output
    # Who does not ask for tenants does not need the file.
    assert run(usage).exit_code == 0
