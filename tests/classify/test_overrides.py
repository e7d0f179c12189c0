"""What a deployment says of its own model names, and the error where that cannot be used."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.origin import name as naming
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.overrides import parse, read, suggestion, usable
from streams.classify.origin.values import ORIGINS, CatalogError

CATALOG = Catalog.load()


def faults(text):
    with pytest.raises(CatalogError) as caught:
        parse(text.encode(), "overrides.toml")
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = 1", 1, "'x' is not understood"),
        ('\n[model."a"]\norigin = "cn-open"', 2, "'model' is not understood"),
        ('[models."a"]\ncolour = "red"', 2, "colour"),
        ('# ours\n[models."a"]\norigin = "mars"', 3, "mars"),
        ('[models."a"]\ndeveloper = "Acme"', 1, "country and openness"),
        ('[models."a"]\ncountry = "Germany"\nopenness = "open"', 2, "Germany"),
        ('[models."a"]\ncountry = "DE"\nopenness = "ajar"', 3, "ajar"),
        ('[models."a"]\nsame_as = "b"\norigin = "cn-open"', 1, "alone"),
        ('[models."a"]\norigin = 7', 2, "text"),
        ('[models."a"]\norigin = ""', 2, "text"),
        ('[models."a"]', 1, "says nothing"),
        ('[models]\n"a" = { same_as = 3 }', 2, "text"),
        ('[models]\na.same_as = "x"\nb.origin = "mars"', 3, "mars"),
        ('[models."a"]\ncountry = "CN"\nopenness = "open"\norigin = "row-open"', 4, "cn-open"),
        ('[models."a"]\norigin = "cn-open"\n[models."A"]\norigin = "cn-open"', 3, "twice"),
    ],
)
def test_a_fault_names_file_line_and_remedy(text, line, says):
    (fault,) = faults(text)

    assert fault.startswith(f"overrides.toml: line {line}: ")
    assert says in fault
    assert "Remedy" in fault


def test_what_is_not_toml_names_the_line_of_the_parser():
    (fault,) = faults('[models."a"]\norigin = cn-open')

    assert "overrides.toml: not TOML" in fault
    assert "line 2" in fault


def test_all_faults_are_reported_at_once():
    found = faults('[models."a"]\norigin = "mars"\n[models."b"]\norigin = "venus"\n')

    assert [fault.split(": ")[1] for fault in found] == ["line 2", "line 4"]


def test_all_faults_of_one_entry_are_reported_at_once():
    found = faults(
        '[models."a"]\ncountry = "Germany"\nopenness = "closed"\norigin = "mars"\nx = 1\ny = " "\n'
    )

    assert [fault.split(": ")[1] for fault in found] == [f"line {line}" for line in range(2, 7)]


@pytest.mark.parametrize("code", ["XX", "ZZ", "de", "UK", "DEU", "D", "Ｄ"])
def test_a_country_that_does_not_exist_is_a_fault(code):
    (fault,) = faults(f'[models."a"]\ncountry = "{code}"\nopenness = "open"\n')

    assert f"country {code!r}. Remedy: two capital letters of ISO 3166-1" in fault


def test_entries_without_a_fault_are_usable_beside_others():
    data = b'[models."a"]\norigin = "mars"\n[models."b"]\norigin = "cn-open"\n'

    assert [each.entry for each in usable(data, "overrides.toml").entries()] == ["b"]


def test_what_to_write_stands_above_a_suggested_entry():
    *hints, table, value = suggestion("prod-chat").splitlines()

    assert (table, value) == ('[models."prod-chat"]', 'origin = "unknown"')
    assert all(each.startswith("# ") for each in hints)
    assert all(origin in " ".join(hints) for origin in ORIGINS[:-1])
    assert max(map(len, hints)) <= 60


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[models]\n"])
def test_a_file_without_entries_overrides_nothing(text):
    assert not list(parse(text.encode(), "overrides.toml").entries())


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    path = tmp_path / "overrides.toml"
    with pytest.raises(CatalogError, match="cannot be read"):
        read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogError, match="UTF-8"):
        read(path)


def test_a_file_without_end_is_an_error():
    with pytest.raises(CatalogError, match="/dev/zero: has more than 16 MiB"):
        read(Path("/dev/zero"))


def test_exact_names_go_before_patterns_and_the_first_pattern_wins():
    ours = CATALOG.overridden_by(
        parse(
            b"""
            [models."team-*"]
            origin = "row-open"
            [models."team-a*"]
            origin = "cn-open"
            [models."TEAM-A"]
            origin = "cn-proprietary"
            """,
            "overrides.toml",
        )
    )

    assert ours.classify("team-a").origin == "cn-proprietary"
    assert ours.classify("team-ab").origin == "row-open"


@given(st.text(min_size=1, max_size=60))
def test_a_suggestion_is_an_entry_for_exactly_that_model(model):
    shown = naming.shown(model)
    entry = suggestion(shown)

    assert len(tomllib.loads(entry)["models"]) == 1
    ours = parse(entry.replace('"unknown"', '"cn-open"', 1).encode(), "overrides.toml")
    if shown != "unknown":
        assert CATALOG.overridden_by(ours).classify(shown).origin == "cn-open"
    # It may be put at the end of any file.
    whole = f'[models."first"]\norigin = "cn-open"\n{entry}\n'
    if shown != "first":
        assert len(tomllib.loads(whole)["models"]) == 2


@pytest.mark.parametrize("model", ["*", "gpt-*", "\\*", "a\\\\*"])
def test_the_suggestion_for_a_name_with_a_star_is_not_a_pattern(model):
    ours = parse(suggestion(model).replace('"unknown"', '"cn-open"', 1).encode(), "overrides.toml")

    assert not ours.patterns
    assert ours.find(model).origin == "cn-open"
    assert ours.find("gpt-4o") is None


def test_a_star_after_a_backslash_is_a_star_in_a_pattern_too():
    ours = parse(b"[models.'team-\\*-*']\norigin = \"cn-open\"", "overrides.toml")

    assert ours.find("team-*-7").origin == "cn-open"
    assert ours.find("team-a-7") is None


def test_a_pattern_of_many_stars_costs_little():
    pattern = "*a" * 30 + "*b"
    ours = parse(f'[models."{pattern}"]\norigin = "cn-open"'.encode(), "overrides.toml")
    start = time.process_time()

    assert ours.find("a" * 128) is None
    assert ours.find("a" * 127 + "b").origin == "cn-open"
    assert time.process_time() - start < 1


def test_nesting_without_end_is_a_fault_of_the_file():
    (fault,) = faults("x = " + "[" * 5000)

    assert fault.startswith("overrides.toml: not TOML")
    assert "Remedy" in fault


def test_a_byte_order_mark_is_not_a_fault():
    ours = parse(b'\xef\xbb\xbf[models."a"]\norigin = "cn-open"', "overrides.toml")

    assert ours.find("a").origin == "cn-open"


def test_lines_are_counted_as_editors_count_them():
    (fault,) = faults('# one\u2028line\x85only\n[models."a"]\norigin = "mars"')

    assert fault.startswith("overrides.toml: line 3: ")


def test_a_file_that_has_not_changed_is_not_parsed_again(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text('[models."a"]\norigin = "cn-open"')
    first = read(path)

    assert read(path, first) is first
    path.write_text('[models."a"]\norigin = "row-open"')
    assert read(path, first).find("a").origin == "row-open"
