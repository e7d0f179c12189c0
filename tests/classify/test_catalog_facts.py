"""What the catalogue's file says is complete and can be checked."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources

import pytest
from catalog_answers import CATALOG

from streams.classify.origin.catalog import Catalog
from streams.classify.origin.name import READ_CHARACTERS, segments, words


def write(tmp_path, text):
    path = tmp_path / "overrides.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_deployment_maps_its_own_names(tmp_path):
    catalog = Catalog.load(
        write(
            tmp_path,
            """
            [models."prod-chat"]
            same_as = "gpt-4o-mini"
            [models."team-a/*"]
            developer = "Acme"
            country = "DE"
            openness = "proprietary"
            [models."lab-*"]
            origin = "cn-open"
            """,
        )
    )
    chat = catalog.classify("Prod-Chat")
    assert (chat.origin, chat.model) == ("row-proprietary", "gpt-4o-mini")
    team = catalog.classify("team-a/gpt-oss-20b")
    assert (team.origin, team.developer) == ("row-proprietary", "Acme")
    assert catalog.classify("lab-7").origin == "cn-open"
    assert catalog.classify("qwen3-max").origin == "cn-proprietary"


def facts():
    text = resources.files("streams.classify.origin").joinpath("catalog.toml").read_text("utf-8")
    return tomllib.loads(text)


def test_every_family_says_its_developer_and_where_that_can_be_read():
    names = {entry["name"] for entry in facts()["developer"]}
    for entry in facts()["family"]:
        assert entry["developer"] in names
        assert entry["source"].startswith("https://"), entry["title"]


def test_dates_are_years_or_months_until_the_day_the_facts_were_checked():
    checked = date.fromisoformat(facts()["as_of"])
    dates = [entry["released"] for entry in facts()["family"] if "released" in entry]
    for released in dates:
        first = date.fromisoformat(f"{released}-01" if "-" in released else f"{released}-01-01")
        assert date(1997, 1, 1) < first <= checked


def test_a_parent_is_a_family_of_the_catalogue():
    titles = {entry["title"] for entry in facts()["family"]}
    for entry in facts()["family"]:
        rules = entry.get("rules", [])
        parents = [entry.get("base"), *(rule.get("base") for rule in rules), *entry.get("on", [])]
        assert {parent for parent in parents if parent} <= titles, entry["title"]


def test_a_developer_is_named_by_a_family_or_decides_by_itself():
    named = {entry["developer"] for entry in facts()["family"]}
    for entry in facts()["developer"]:
        assert entry["name"] in named or "openness" in entry, entry["name"]


@pytest.mark.parametrize("kind", ["names", "slugs"])
def test_every_name_is_spelled_as_an_id_is_cut(kind):
    entries = facts()["family" if kind == "names" else "developer"]
    for phrase in (phrase for entry in entries for phrase in entry[kind]):
        [segment] = segments(phrase.replace(" ", "-"))
        assert words(segment) == tuple(phrase.split()), phrase


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("\ufdfa" * 110, "longer than a model's name"),
        ("qwen3-32b/" + "\ufdfa" * 12, "longer than a model's name"),
        ("-".join("abcdefghijklmnopqrstuvwxyz0123456789"), "more words than a model's name"),
        ("qwen3/" + "-".join(["v1"] * 32), "more words than a model's name"),
    ],
    ids=["ligatures", "ligatures-in-a-path", "words", "words-in-a-path"],
)
def test_what_costs_much_to_read_and_is_not_a_name_is_not_read(model, why):
    assert len(model) <= READ_CHARACTERS
    assert CATALOG.classify(model).matched_by == f"unknown: {why}"
