"""What a deployment says of who served, and the error where that cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.origin.catalog import Catalog
from streams.classify.origin.overrides import parse
from streams.classify.origin.values import CatalogError
from streams.classify.provider.overrides import suggestion
from streams.classify.provider.providers import Providers
from streams.classify.provider.review import unusual_overrides

OURS = """
[models."prod-chat"]
same_as = "gpt-4o"
[providers."vllm-berlin"]
jurisdiction = "de"
name = "vLLM in Berlin"
hosts = ["llm.example.com", "10.1.2.3"]
[providers."Bedrock proxy"]
key = "aws-bedrock"
[providers."example.org"]
jurisdiction = "fr"
[providers."rack 1"]
key = "racks"
name = "Racks"
jurisdiction = "self-hosted"
[providers."rack 2"]
key = "racks"
name = "Racks"
jurisdiction = "self-hosted"
[providers."anthropic"]
jurisdiction = "ch"
"""


def overridden(text):
    return Providers.load(parse(text.encode(), "o.toml").providers)


@pytest.mark.parametrize(
    ("text", "key", "jurisdiction"),
    [
        ("vllm-berlin", "vllm-berlin", "de"),
        ("VLLM Berlin", "vllm-berlin", "de"),
        ("vllm_berlin@10.9.9.9", "vllm-berlin", "de"),
        ("openai@https://llm.example.com:8443/v1", "vllm-berlin", "de"),
        ("openai@eu.llm.example.com", "vllm-berlin", "de"),
        ("openai@10.1.2.3:80", "vllm-berlin", "de"),
        ("openai@10.1.2.4:80", "self-hosted", "self-hosted"),
        ("bedrock-proxy", "aws-bedrock", "us"),
        ("rack 2", "racks", "self-hosted"),
        ("racks", "racks", "self-hosted"),
        # An entry of an unknown key, such as a domain, holds for all that is stored under it.
        ("openai@llm.example.org", "example.org", "fr"),
        # An entry of a key of the catalogue holds however the key was found.
        ("openai@api.anthropic.com", "anthropic", "ch"),
        ("claude", "anthropic", "ch"),
        ("openai", "openai", "us"),
    ],
)
def test_overrides_decide(text, key, jurisdiction):
    providers = overridden(OURS)
    found = providers.classify(text)

    assert (found.key, found.jurisdiction) == (key, jurisdiction), found.matched_by
    again = providers.classify(found.key)
    assert (again.key, again.jurisdiction) == (key, jurisdiction)


def test_the_name_to_show_is_the_entrys():
    assert overridden(OURS).classify("vllm-berlin").name == "vLLM in Berlin"


def test_other_overrides_leave_nothing_of_the_ones_before():
    providers = overridden(OURS)
    providers.classify("vllm-berlin")

    assert providers.overridden_by(parse(b"", "o").providers).classify("vllm-berlin").key == (
        "vllm-berlin"
    )
    assert Providers.load().classify("vllm-berlin").jurisdiction == "unknown"


def test_a_catalogue_takes_the_overrides_of_both_tables():
    catalog = Catalog.load().overridden_by(parse(OURS.encode(), "o.toml"))

    assert catalog.provider_key("openai@llm.example.com") == "vllm-berlin"
    assert catalog.provider_name("vllm-berlin") == "vLLM in Berlin"
    assert catalog.jurisdiction("vllm-berlin") == "de"
    assert catalog.overridden_by(parse(b"", "o.toml")).jurisdiction("vllm-berlin") == "unknown"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("providers = 1", 1, "'providers' is not understood"),
        ('[provider."a"]\nx = 1', 1, "'provider' is not understood"),
        ('[providers."a"]', 1, "says nothing"),
        ('[providers."a"]\ncolour = "red"', 2, "'colour' is not understood"),
        ('[providers."a"]\njurisdiction = "DE"', 2, "jurisdiction 'DE'"),
        ('[providers."a"]\njurisdiction = 7', 2, "jurisdiction must be text"),
        ('[providers."a"]\nname = "A"', 1, "says no jurisdiction"),
        ('[providers."a"]\nkey = "b"', 1, "says no jurisdiction"),
        (
            '[providers."a"]\nkey = "openai"\njurisdiction = "de"',
            3,
            "catalogue's 'openai' has 'us'",
        ),
        ('[providers."a"]\nkey = "open_ai"', 2, "is a spelling of 'openai'"),
        ('[providers."a"]\nkey = "A B"\njurisdiction = "de"', 2, "cannot be stored"),
        ('[providers."a"]\nkey = "unknown"\njurisdiction = "de"', 2, "cannot be stored"),
        ('[providers."other"]\njurisdiction = "de"', 1, "cannot be stored"),
        ('[providers."***"]\njurisdiction = "de"', 1, "no letter or digit"),
        ('[providers."a"]\njurisdiction = "de"\nhosts = "x.com"', 3, "hosts must be a list"),
        ('[providers."a"]\njurisdiction = "de"\nhosts = ["*.x.com"]', 3, "cannot be read"),
        ('[providers."a"]\njurisdiction = "de"\n[providers."A"]\njurisdiction = "de"', 3, "twice"),
        (
            (
                '[providers."a"]\njurisdiction = "de"\nhosts = ["x.com"]\n'
                '[providers."b"]\njurisdiction = "de"\nhosts = ["x.com"]'
            ),
            4,
            "belongs to another entry",
        ),
        (
            (
                '[providers."a"]\njurisdiction = "de"\nkey = "k"\n'
                '[providers."b"]\njurisdiction = "fr"\nkey = "k"'
            ),
            4,
            "another name or jurisdiction",
        ),
        (
            (
                '[providers."a"]\njurisdiction = "de"\nkey = "b"\n'
                '[providers."b"]\njurisdiction = "de"\nkey = "c"'
            ),
            3,
            "choose another key",
        ),
    ],
)
def test_faults_name_the_line_the_entry_and_the_remedy(text, line, says):
    with pytest.raises(CatalogError) as caught:
        parse(text.encode(), "o.toml")

    fault = next(each for each in caught.value.faults if says in each)
    assert fault.startswith(f"o.toml: line {line}: ")
    assert "Remedy: " in fault


def test_faults_of_both_tables_are_reported():
    with pytest.raises(CatalogError) as caught:
        parse(b'[models."a"]\nx = 1\n[providers."b"]\ny = 1', "o.toml")

    assert len(caught.value.faults) == 2


def test_all_faults_of_one_entry_are_reported():
    text = (
        b'[providers."b"]\ny = 1\nname = " "\n[providers."c"]\njurisdiction = "uk"\nhosts = ["*.x"]'
    )
    with pytest.raises(CatalogError) as caught:
        parse(text, "o.toml")

    assert [each.split(": ")[1] for each in caught.value.faults] == [
        *("line 2", "line 3", "line 6", "line 5")
    ]


@given(st.sampled_from(["acme", "acme.com", "x-1"]))
def test_a_suggestion_is_an_entry_that_changes_nothing(key):
    suggested = overridden(suggestion(key))

    assert suggested.classify(key).key == key
    assert suggested.classify(key).jurisdiction == "unknown"


def test_overrides_without_effect_are_found():
    found = unusual_overrides(
        overridden(
            '[providers."acme"]\njurisdiction = "unknown"\n'
            '[providers."openai"]\njurisdiction = "us"\n'
            '[providers."ours"]\njurisdiction = "de"\n'
        )
    )

    assert [each.partition(": ")[0] for each in found] == [
        'providers."acme"',
        'providers."openai"',
    ]


@pytest.mark.parametrize("code", ["uk", "xx", "en", "eu", "zz", "DE", "d", "deu"])
def test_a_code_that_no_country_has_is_a_fault(code):
    with pytest.raises(CatalogError, match="jurisdiction"):
        overridden(f'[providers."acme"]\njurisdiction = "{code}"')


@pytest.mark.parametrize("host", ["com", "vllm", "co.uk", "com.cn", "https://ai/"])
def test_a_host_that_stands_for_hosts_of_many_is_refused_with_its_line_and_a_remedy(host):
    text = f'[providers."acme"]\njurisdiction = "de"\nhosts = ["llm.acme.com", "{host}"]'
    with pytest.raises(CatalogError) as caught:
        overridden(text)
    (fault,) = caught.value.faults
    assert "o.toml: line 3" in fault
    assert host in fault
    assert "Remedy: write the whole host" in fault


@pytest.mark.parametrize("host", ["internal", "localhost", "::1", "fd00::1", "x.co.uk", "ai.com"])
def test_a_host_of_ones_own_is_taken(host):
    found = overridden(f'[providers."acme"]\njurisdiction = "de"\nhosts = ["{host}"]')
    assert found.classify(f"@{host}").key == "acme"


def test_a_host_without_a_dot_has_the_entry_of_its_name():
    found = overridden('[providers."vLLM"]\njurisdiction = "de"')
    assert found.classify("hosted_vllm@vllm").key == "vllm"
    assert found.classify("hosted_vllm@vllm.example.com").key != "vllm"


def test_a_network_is_no_host():
    with pytest.raises(CatalogError, match="cannot be read"):
        overridden('[providers."acme"]\njurisdiction = "de"\nhosts = ["10.0.0.0/8"]')
