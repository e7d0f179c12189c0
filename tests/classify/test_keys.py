"""Display names of keys: the same on the page, in the terminal, in reports and in alerts."""

from __future__ import annotations

from every import every

from streams.classify.keys import name_of
from streams.classify.provider.values import COUNTRIES


@every(
    [
        ("origin", "cn-open", "Chinese open"),
        ("origin", "other", "Other"),
        ("language", "zh-Hans", "Chinese (Simplified)"),
        ("language", "und", "Undetermined"),
        ("jurisdiction", "cn", "China"),
        ("jurisdiction", "us", "United States"),
        ("jurisdiction", "self-hosted", "Self-hosted"),
        ("jurisdiction", "zz", "ZZ"),
        ("jurisdiction", "?!", "?!"),
        ("developer", "unknown", "Unknown"),
        ("model", "unknown", "Unknown"),
        ("model", "gpt-4o", "gpt-4o"),
    ]
)
def test_a_key_is_called_what_people_call_it(dimension, key, name):
    assert name_of(dimension, key) == name


def test_every_country_has_a_name():
    names = {code: name_of("jurisdiction", code) for code in COUNTRIES}

    assert [code for code, name in names.items() if name == code.upper()] == []
    assert len({*names.values()}) == len(COUNTRIES)
