"""The dashboards keep to the schema of Grafana, in the version that compose runs."""

from __future__ import annotations

import copy
import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from dashboard_files import COMPOSE, DASHBOARDS, FILES, every_dashboard, panels
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()


def test_there_are_four_of_them_with_addresses_that_stay():
    uids = {name: each["uid"] for name, each in DASHBOARDS.items()}

    assert uids == {name: f"tokenshare-{name}" for name in ("money", "shares", "shift", "pipeline")}
    assert [file.stem for file in FILES] == sorted(uids.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_laid_out_so_that_a_change_shows_as_itself(file):
    read = file.read_text()

    assert read == json.dumps(json.loads(read), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def lost(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    """Yield what of one document another one does not have."""
    match given, kept:
        case dict(), dict():
            for key, value in given.items():
                if key in kept:
                    yield from lost(value, kept[key], f"{place}.{key}")
                else:
                    yield f"{place}.{key}"
        case list(), list() if len(given) == len(kept):
            for number, pair in enumerate(zip(given, kept, strict=True)):
                yield from lost(*pair, f"{place}[{number}]")
        case _:
            if given != kept:
                yield f"{place}: {given!r} is read as {kept!r}"


def written(model: Any) -> Any:
    """Return what one of Grafana's models is as JSON."""
    return json.loads(json.dumps(model, cls=JSONEncoder))


def is_of(value: Any, kind: Any) -> bool:
    """Tell whether a value of Grafana's models has the type that they declare."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return True
    if origin in {typing.Union, types.UnionType}:
        return any(is_of(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(is_of(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(e, arguments[1]) for e in value.values())
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [each.value for each in kind]
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, dict) and hasattr(kind, "from_json"):
        # The models leave some parts as they came.
        return not list(lost(value, written(kind.from_json(value))))
    return isinstance(value, kind)


def of_another_type(model: Any, place: str = "") -> Iterator[str]:
    """Yield the values below one of Grafana's models that are not of the type it declares."""
    match model:
        case list():
            for number, each in enumerate(model):
                yield from of_another_type(each, f"{place}[{number}]")
        case dict():
            for key, each in model.items():
                yield from of_another_type(each, f"{place}.{key}")
        case _ if type(model).__module__.startswith("grafana_foundation_sdk.models"):
            if isinstance(model, enum.Enum):
                return
            declared = typing.get_type_hints(type(model))
            for key, value in vars(model).items():
                if not is_of(value, declared[key]):
                    yield f"{place}.{key} = {value!r}"
                yield from of_another_type(value, f"{place}.{key}")


@every_dashboard
def test_a_dashboard_keeps_to_the_schema_of_grafana(name):
    model = Dashboard.from_json(DASHBOARDS[name])

    assert list(lost(DASHBOARDS[name], written(model))) == []
    assert list(of_another_type(model)) == []


def overridden(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a panel with each of its overrides as what all its fields have.

    The schema leaves the value of an override open; this way it is checked like any other.
    """
    for override in panel["fieldConfig"]["overrides"]:
        for change in override["properties"]:
            found = copy.deepcopy(panel)
            defaults = found["fieldConfig"]["defaults"]
            name, is_custom, custom = change["id"].partition("custom.")
            place = defaults.setdefault("custom", {}) if is_custom else defaults
            place[custom if is_custom else name] = change["value"]
            yield found


@every_dashboard
def test_overrides_are_of_options_that_there_are(name):
    found = copy.deepcopy(DASHBOARDS[name])
    found["panels"] = [each for panel in panels(name) for each in overridden(panel)]
    model = Dashboard.from_json(found)

    assert len(found["panels"]) > 5
    assert list(lost(found, written(model))) == []
    assert list(of_another_type(model)) == []


def test_what_the_schema_does_not_know_is_found():
    broken = copy.deepcopy(DASHBOARDS["shares"])
    panel = next(each for each in broken["panels"] if each["type"] == "timeseries")
    panel["options"]["legend"]["sorted"] = True
    panel["options"]["legend"]["placement"] = "below"
    panel["gridPos"]["h"] = "high"
    model = Dashboard.from_json(broken)

    assert [each.rpartition(".")[2] for each in lost(broken, written(model))] == ["sorted"]
    assert [each.rpartition(".")[2] for each in of_another_type(model)] == [
        "h = 'high'",
        "placement = 'below'",
    ]


@every_dashboard
def test_a_dashboard_is_of_the_version_that_compose_runs(name):
    # What the packages of Grafana 13.2 write, and read without a migration.
    assert COMPOSE["services"]["grafana"]["image"].startswith("grafana/grafana:13.")
    assert DASHBOARDS[name]["schemaVersion"] == 42
