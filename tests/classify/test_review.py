"""Contradictions of a catalogue are found, and so is what a change of it changes."""

from __future__ import annotations

import pytest

from streams.classify.origin import catalog_file
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.overrides import parse
from streams.classify.origin.review import changes, contradictions, names_of, unusual_overrides
from streams.classify.origin.values import CatalogError

BUILT_IN = Catalog.load()
HEAD = """
[words]
hosts = ["azure"]
repackers = []
path = []
neutral = ["chat"]
tuned = ["merge"]
aliases = ["router"]
[[developer]]
name = "Acme"
country = "DE"
slugs = ["acme"]
[[developer]]
name = "Bolt"
country = "CN"
slugs = ["bolt"]
"""


def family(title="Anvil", developer="Acme", names='["anvil"]', rest='source = "x"'):
    return (
        f'\n[[family]]\ntitle = "{title}"\ndeveloper = "{developer}"\nnames = {names}\n'
        f'openness = "open"\n{rest}\n'
    )


def found(*families, head=HEAD):
    text = head + "".join(families)
    return contradictions(catalog_file.toml(text, "mine.toml"), Catalog.of(text, "mine.toml"))


def test_a_sound_catalogue_has_none():
    assert found(family(), family("Bolt", "Bolt", '["bolt", "bolt gun"]')) == []


@pytest.mark.parametrize(
    ("families", "says"),
    [
        ([family(rest="")], "has no source"),
        ([family(), family("Hammer", "Bolt")], "'anvil' is never reached"),
        ([family(names='["anvil", "anvil"]')], "twice"),
        ([family(names='["merge"]')], "words.tuned"),
        ([family(names='["router"]')], "words.aliases"),
        (
            [family(rest='source = "x"\nrules = [{words=["max"], openness="open"},'
             '{words=["max"], openness="proprietary"}]')],
            "rule 2 is never reached, rule 1 decides before it",
        ),
        (
            [family(rest='source = "x"\nrules = [{version=[">=2"], openness="open"},'
             '{version=[">=2"], size=true, openness="open"}]')],
            "rule 2 is never reached, rule 1 says the same",
        ),
        (
            [family(), family(names='["anvil two"]',
             rest='source = "x"\nrules = [{size=true, openness="open"},'
             '{size=true, openness="proprietary"}]')],
            "rule 2 is never reached, rule 1 decides before it",
        ),
        ([family(rest='source = "x"\ncomon = true')], "'comon'. Remedy: did you mean 'common'?"),
        ([family(rest='source = "x"\ncommon = "yes"')], "common is not of type bool"),
        ([family(names='"anvil"')], "names is not of type list"),
        (
            [family(rest='source = "x"\nrules = [{word=["max"], openness="open"}]')],
            "rule 1: nothing reads the key 'word'. Remedy: did you mean 'words'?",
        ),
        ([family(rest='source = "x"\nunsized = true')], "unsized is for proprietary families"),
        ([family(rest='source = "x"\nsized = "7b"')], "sized has no effect without unsized"),
        ([family(rest='source = "x"\nbase = "Hamer"'), family("Hammer", names='["hammer"]')],
         "base 'Hamer' is not the title of a family. Remedy: did you mean 'Hammer'?"),
        ([family(rest='source = "x"\non = ["Nothing"]')], "on 'Nothing' is not the title of"),
        ([family(names='["Anvil"]')], "small letters"),
    ],
)  # fmt: skip
def test_a_contradiction_is_named(families, says):
    lines = found(*families)

    assert any(says in line for line in lines), lines


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("path = []", 'path = []\ncoined = ["anvill"]', "'anvill' is not the name of a family"),
        ("path = []", "path = []\ncoind = []", "did you mean 'coined'?"),
        ('slugs = ["acme"]', 'slugs = ["acme"]\nopeness = "open"', "did you mean 'openness'?"),
        ('slugs = ["acme"]', 'slugs = ["acme"]\nopen_slugs = ["akme"]', "not in slugs"),
        ("\n[words]", 'asof = "x"\n[words]', "did you mean 'as_of'?"),
    ],
)
def test_a_misspelt_key_or_word_of_the_head_is_named(old, new, says):
    lines = found(family(), head=HEAD.replace(old, new, 1))

    assert any(says in line for line in lines), lines


def test_a_slug_of_two_developers_is_named():
    assert any("'acme' belongs to 'Acme' as well" in line for line in found(
        family(), head=HEAD.replace('slugs = ["bolt"]', 'slugs = ["bolt", "acme"]')
    ))  # fmt: skip


def test_rules_with_different_conditions_are_no_contradiction():
    rules = (
        'source = "x"\nrules = [{version=[">=2"], words=["max"], openness="proprietary"},'
        '{version=[">=2"], openness="open"}, {words=["max"], openness="proprietary"}]'
    )
    assert found(family(rest=rules)) == []


def test_what_is_not_a_catalogue_says_so():
    with pytest.raises(CatalogError, match=r"mine.toml: no catalogue"):
        Catalog.of('[[developer]]\ncountry = "DE"', "mine.toml")


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 5000, "family = []\ndeveloper = []\nwords = {}"], ids=["nested", "bare"]
)
def test_what_cannot_be_a_catalogue_is_an_error_of_its_own(text):
    with pytest.raises(CatalogError, match=r"(?s)mine\.toml: .*Remedy"):
        Catalog.of(text, "mine.toml")


def odd(text):
    return unusual_overrides(BUILT_IN.overridden_by(parse(text.encode(), "overrides.toml")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[models."a"]\nsame_as = "prod-chat"', "itself unknown"),
        ('[models."a"]\norigin = "unknown"', "still says unknown"),
        ('[models."gpt-4o"]\nsame_as = "gpt-4o"', "same by itself"),
        (
            '[models."a*"]\norigin = "cn-open"\n[models."ab*"]\norigin = "row-open"',
            "never reached",
        ),
    ],
)
def test_an_odd_override_is_named(text, says):
    (line,) = odd(text)

    assert says in line
    assert "Remedy" in line


def test_usual_overrides_are_not_named():
    assert odd(
        '[models."prod"]\nsame_as = "gpt-4o"\n[models."ab*"]\norigin = "row-open"\n'
        '[models."a*"]\norigin = "cn-open"'
    ) == []  # fmt: skip


def test_changes_are_the_ids_that_are_answered_differently():
    text = catalog_file.builtin()
    changed = text.replace('name = "DeepSeek"\ncountry = "CN"', 'name = "DeepSeek"\ncountry = "SG"')
    assert changed != text
    other = Catalog.of(changed, "changed.toml")

    found = list(changes(BUILT_IN, other, ["deepseek-chat", "gpt-4o", "prod-chat"]))

    assert [(each.model, each.before.origin, each.after.origin) for each in found] == [
        ("deepseek-chat", "cn-open", "row-open")
    ]


def test_ids_for_a_comparison_come_from_both_catalogues():
    ids = names_of(BUILT_IN, Catalog.of(HEAD + family(), "mine.toml"))

    assert {"anvil", "acme/anvil-7b", "deepseek", "qwen-max"} <= set(ids)
