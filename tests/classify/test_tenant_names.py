"""The file of tenants' names: a hash a line, and faults that repeat no name."""

from __future__ import annotations

import tomllib

import pytest
from documents import between
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.classify import tenant_names
from streams.classify.tenant import hashed, marked
from streams.classify.tenant_names import MAX_NAME, TenantNames, TenantNamesError, parse

SALT = b"s" * 32
ACME, BETA = (hashed(name, SALT) for name in ("acme", "beta"))


def read(text):
    return parse(text.encode(), "tenants.toml")


def test_a_tenant_is_shown_by_its_name_and_any_other_by_its_hash():
    names = read(f'# ours\n{ACME} = "Acme, search"\n"{BETA}" = " Beta "\n')

    assert names.of(ACME) == "Acme, search"
    assert names.of(BETA) == "Beta"
    assert names.of("0" * 16) == "0" * 16
    assert TenantNames().of(ACME) == ACME


def test_a_hash_may_stand_as_an_event_has_it():
    assert read(f'"{marked("acme", SALT)}" = "Acme"').of(ACME) == "Acme"


@settings(max_examples=examples(50))
@given(st.text(min_size=1).filter(lambda name: name.isprintable() and name.strip()))
def test_a_line_for_the_file_is_read_as_its_name(name):
    line = tenant_names.line(ACME, name)

    assert tomllib.loads(line) == {ACME: name}
    if len(name.strip()) <= MAX_NAME:
        assert read(line).of(ACME) == name.strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('secretco = "Acme"', "line 1: the key is no hash of a tenant (16 digits"),
        (f'{ACME.upper()}x = "secretco"', "line 1: the key is no hash"),
        (f'# one\n{ACME} = ""', f"line 2: {ACME} has no name"),
        (f"{ACME} = 7", f"line 1: {ACME} has no name"),
        (
            f'{ACME} = "secretco\\n"\n{BETA} = "a\\nsecretco"',
            f"line 2: the name of {BETA} has a li",
        ),
        (f'{ACME} = "{"secretco" * 20}"', "has 160 characters. Remedy: shorten it to 120"),
        (f'{ACME} = "a"\n{ACME} = "secretco"', "not TOML"),
        (f'[secretco]\n{ACME} = "a"', "the key is no hash"),
        (f"{ACME} = {'9' * 5000}", "not TOML"),
    ],
)
def test_each_fault_has_its_line_and_a_remedy_and_repeats_no_name(text, said):
    with pytest.raises(TenantNamesError) as failed:
        read(text)

    (fault,) = failed.value.faults
    assert fault.startswith("tenants.toml: ")
    assert said in fault
    assert "Remedy: " in fault
    assert "secretco" not in fault


def test_all_faults_are_told_at_once():
    with pytest.raises(TenantNamesError) as failed:
        read(f'x = "a"\ny = "b"\n{ACME} = "c"\n')

    assert len(failed.value.faults) == 2


def test_a_file_is_parsed_again_only_if_its_bytes_have_changed(tmp_path):
    path = tmp_path / "tenants.toml"
    path.write_bytes(b"\xef\xbb\xbf" + f'{ACME} = "Acme"\n'.encode())
    first = tenant_names.read(path)

    assert (first.of(ACME), first.is_current) == ("Acme", True)
    assert tenant_names.read(path, first) is first
    path.write_bytes(b"\xff")
    with pytest.raises(TenantNamesError, match=r"cannot be read .not UTF-8"):
        tenant_names.read(path, first)
    assert tenant_names.read(None).is_current is None


def test_the_example_of_the_manual_is_read():
    assert (
        read(between("tenants").strip("`").removeprefix("toml")).of("74e4dbdb632baffb")
        == "Acme, search"
    )
