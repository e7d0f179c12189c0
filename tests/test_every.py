"""A test of many values fails with the names of all that fail."""

from __future__ import annotations

import pytest
from every import SHOWN, every


def test_all_are_tried_and_those_that_fail_are_named():
    tried = []

    @every([1, 2, 3, 4])
    def test(number):
        tried.append(number)
        assert number % 2

    with pytest.raises(ExceptionGroup, match=r"2 of 4 fail: 2, 4") as failed:
        test()
    assert tried == [1, 2, 3, 4]
    assert [each.__notes__ for each in failed.value.exceptions] == [["with 2"], ["with 4"]]


def test_of_many_failures_all_are_named_and_some_are_shown():
    @every(range(99))
    def test(number):
        raise ValueError(number)

    with pytest.raises(ExceptionGroup, match=r"99 of 99 fail: .*, 98") as failed:
        test()
    assert len(failed.value.exceptions) == SHOWN


@every([("a", 1), ("b", 2)], name=lambda case: case[0])
def test_a_tuple_is_spread_and_fixtures_are_shared(letter, number, tmp_path):
    assert ord(letter) - 96 == number
    assert tmp_path.is_dir()


def test_no_values_are_a_mistake():
    with pytest.raises(AssertionError, match="a test of nothing"):
        every([])
