"""The policy for groups of tenants: its file, and the tokens that it excludes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from documents import block
from test_view import NOW, position

from streams.classify.keys import OTHER
from streams.classify.tenant import hashed, marked
from streams.shares import policy, policy_file
from streams.shares.policy import ExcludedTokens, Group
from streams.shares.policy_file import MAX_GROUPS, PolicyError, parse, read
from streams.state.codec import PaneKey, decode_pane, encode_pane, pane_key
from streams.state.pane import TENANTS, Pane, pane_start
from streams.state.view import View

SALT = "pepper"
HOUR = 3600
ACME = hashed("Acme Ltd", SALT.encode())


def group(name='"eu"', tenants='["Acme Ltd"]', excluded='["cn-open"]'):
    return f"[groups.{name}]\ntenants = {tenants}\nexcluded_origins = {excluded}\n"


def parsed(text):
    return parse(text.encode(), "policy.toml", SALT).groups


def faults(text):
    with pytest.raises(PolicyError) as error:
        parsed(text)
    return error.value.faults


def tenants_at(start, tenants, partition=0, stamp=1):
    counted = {key: [1, tokens, 0, tokens**2] for key, tokens in tenants.items()}
    key = pane_key(partition, PaneKey(TENANTS, pane_start(TENANTS, start)))
    return key, encode_pane(Pane({}, {}, counted, stamp), 1)


def excluded(view, groups, as_of=NOW):
    tokens = ExcludedTokens(view)
    return tokens.tokens(groups, tokens.hours(as_of))


# -- the file


def test_a_group_has_the_hashes_of_its_tenants_and_the_origins_that_it_excludes():
    (found,) = parsed(group(excluded='["cn-open", "unknown", "cn-open"]'))

    assert found == Group("eu", frozenset({ACME}), ("cn-open", "unknown"))


@pytest.mark.parametrize("written", [ACME, marked("Acme Ltd", SALT.encode())])
def test_a_tenant_may_be_given_by_its_hash(written):
    (found,) = parsed(group(tenants=f'["{written}"]'))

    assert ACME in found.tenants


def test_a_name_that_looks_like_a_hash_is_found_as_a_name_too():
    name = "0123456789abcdef"
    (found,) = parsed(group(tenants=f'["{name}"]'))

    assert found.tenants == {name, hashed(name, SALT.encode())}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[groups\n", "", "not TOML"),
        (f"a = {'9' * 5000}\n", "", "not TOML"),
        ("a = " + "[" * 5000, "", "not TOML"),
        ('x = 1\n[groups."Acme Ltd"]\n', "line 1: ", "this is not understood here"),
        ("groups = 1\n", "line 1: ", "this is not understood here"),
        (group('"a"') + group('"ümlaut"'), "line 4: ", "the name of group 2 cannot be a label"),
        (group('"a\\nb"'), "line 1: ", "the name of group 1 cannot be a label"),
        (group(f'"{"a" * 65}"'), "line 1: ", "the name of group 1 cannot be a label"),
        ("[groups.eu]\n", "line 1: ", 'groups."eu": says nothing'),
        ("[groups]\neu = 1\n", "line 2: ", 'groups."eu": says nothing'),
        (group() + '"Acme Ltd" = 1\n', "line 4: ", "has a key that is not understood"),
        (group(tenants="[]"), "line 2: ", "has no list of tenants"),
        (group(tenants='"Acme Ltd"'), "line 2: ", "has no list of tenants"),
        ('[groups.eu]\ntenants = ["Acme Ltd"]\n', "line 1: ", "has no list of excluded_origins"),
        (group(tenants='[\n  "Acme Ltd",\n  7,\n]'), "line 2: ", "tenants: number 2 is not text"),
        (group(tenants='["  "]'), "line 2: ", "tenants: number 1 is not text"),
        (group(excluded='["cn"]'), "line 3: ", "excluded_origins: number 1 is no origin"),
        (group(excluded='["cn-open", "Acme Ltd"]'), "line 3: ", "number 2 is no origin"),
    ],
)
def test_a_fault_has_its_line_and_a_remedy_and_names_no_tenant(text, line, what):
    (fault,) = faults(text)

    assert fault.startswith(f"policy.toml: {line}")
    assert what in fault
    assert "Remedy: " in fault
    assert "Acme" not in fault


def test_all_faults_are_named():
    assert len(faults(group('"a"', tenants="[]") + group('"b"', excluded='["x"]'))) == 2


def test_there_are_at_most_so_many_groups():
    text = "".join(group(f'"g{number}"') for number in range(MAX_GROUPS))
    assert len(parsed(text)) == MAX_GROUPS == 32

    (fault,) = faults(text + group('"one"') + group('"two"'))
    assert 'line 97: groups."one": is one too many. Remedy: keep 32' in fault


def test_a_file_is_read_again_only_where_it_has_changed(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("\ufeff" + group())
    known = read(path, SALT)

    assert known.is_current
    assert read(path, SALT, known) is known
    path.write_text(group('"us"'))
    assert [each.name for each in read(path, SALT, known).groups] == ["us"]
    path.unlink()
    with pytest.raises(PolicyError, match=r"cannot be read .* Remedy: point to a readable"):
        read(path, SALT, known)
    with pytest.raises(PolicyError, match="/dev/zero: has more than 16 MiB"):
        read(Path("/dev/zero"), SALT)
    assert read(None, SALT) == policy.Policy()


def test_a_policy_keeps_no_name(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(group())

    assert "Acme" not in str(dataclasses.asdict(read(path, SALT)))


def test_the_documented_file_is_one():
    assert policy_file.__doc__ is not None
    example = block("policy")
    assert example in policy_file.__doc__

    (found,) = parsed(example)

    assert found.name == "eu-public-sector"
    assert len(found.tenants) == 2


# -- the tokens

EU = Group("eu", frozenset({ACME, "b"}), ("cn-open", "unknown"))
US = Group("us", frozenset({"b"}), ("cn-open",))


def test_tokens_are_those_of_the_groups_tenants_and_origins_in_all_partitions():
    view = View()
    view.apply(*position())
    mine = {f"{ACME}/o/cn-open": 5, f"{ACME}/o/row-open": 100, f"{ACME}/l/zh": 5, "b/o/cn-open": 7}
    view.apply(*tenants_at(NOW, mine | {f"{OTHER}/o/cn-open": 50, "c/o/cn-open": 60}))
    view.apply(*tenants_at(NOW - HOUR, {"b/o/cn-open": 11}, partition=1))
    view.apply(*tenants_at(NOW, {"b/o/unknown": 13}, partition=1))

    assert excluded(view, (EU, US)) == {
        ("eu", "cn-open"): 5 + 7 + 11,
        ("eu", "unknown"): 13,
        ("us", "cn-open"): 7 + 11,
    }


def test_a_group_has_all_of_its_tokens_and_those_to_each_excluded_origin():
    tokens = {f"{ACME}/o/cn-open": 5, f"{ACME}/o/row-open": 100, f"{ACME}/l/zh": 105}
    tokens |= {"b/o/cn-open": 7, f"{OTHER}/o/cn-open": 50, "c/o/unknown": 60}
    nobody = Group("nobody", frozenset({OTHER, "d"}), ("unknown",))

    found = policy.of_groups(
        (EU, US, nobody), {key: [1, each, 0, 0] for key, each in tokens.items()}
    )

    assert [(each.group.name, each.tokens, each.excluded) for each in found] == [
        ("eu", 112, {"cn-open": 12, "unknown": 0}),
        ("us", 7, {"cn-open": 7}),
        ("nobody", 0, {"unknown": 0}),
    ]


def test_they_hold_until_the_24th_hour_after_their_own_begins():
    view = View()
    view.apply(*tenants_at(NOW, {"b/o/cn-open": 3}))
    start = pane_start(TENANTS, NOW)

    assert excluded(view, (US,), start + 24 * HOUR - 1) == {("us", "cn-open"): 3}
    assert excluded(view, (US,), start + 24 * HOUR) == {("us", "cn-open"): 0}


def test_other_is_nobody_even_where_a_group_names_it():
    view = View()
    view.apply(*tenants_at(NOW, {f"{OTHER}/o/cn-open": 3}))

    assert excluded(view, (Group("us", frozenset({OTHER}), ("cn-open",)),)) == {
        ("us", "cn-open"): 0
    }


def test_an_hour_is_read_again_only_where_it_or_the_policy_has_changed(monkeypatch):
    view, read_values = View(), []
    old, new = tenants_at(NOW - HOUR, {"b/o/cn-open": 3}), tenants_at(NOW, {"b/o/cn-open": 4})
    view.apply(*old)
    view.apply(*new)
    decode = decode_pane
    monkeypatch.setattr(
        policy, "decode_pane", lambda value: read_values.append(value) or decode(value)
    )
    tokens = ExcludedTokens(view)

    def ask(*groups):
        read_values.clear()
        found = tokens.tokens(groups, tokens.hours(NOW))
        return found, list(read_values)

    assert ask(US) == ({("us", "cn-open"): 7}, [old[1], new[1]])
    assert ask(US) == ({("us", "cn-open"): 7}, [])
    newer = tenants_at(NOW, {"b/o/cn-open": 40}, stamp=2)
    view.apply(*newer)
    assert ask(US) == ({("us", "cn-open"): 43}, [newer[1]])
    assert ask(EU) == ({("eu", "cn-open"): 43, ("eu", "unknown"): 0}, [old[1], newer[1]])
    assert ask() == ({}, [old[1], newer[1]])
