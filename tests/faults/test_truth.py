"""The fault suite can fail: one event too few or too many is not taken for the truth."""

from __future__ import annotations

from random import Random

import pytest
from rounds import SPAN_SECONDS, events_of_round
from truth import Gap, PaneTruth, gap

from streams.state.pane import DAY, FINE, HOUR, LEVELS, MIDDLE

START = 1_780_000_000.0


def round_of(count=2_000, seed=1):
    return events_of_round(count, Random(seed), START, START + SPAN_SECONDS)


def truth_of(events):
    truth = PaneTruth()
    for event in events:
        truth.add(event)
    return truth


def history_of(truth, level):
    """What a worker would answer that has counted just this."""
    # With dollars, as the API has them.
    points = [
        (start, {key: [*cell[:5], cell[5] / 1e9] for key, cell in cells.items()})
        for start, cells in truth.kept(level).items()
    ]
    return {"points": [{"start": start, "cells": cells} for start, cells in points]}


@pytest.mark.parametrize("level", LEVELS)
def test_a_worker_that_counted_all_is_at_no_level_away_from_the_truth(level):
    assert not gap(truth_of(round_of()), level, history_of(truth_of(round_of()), level))


@pytest.mark.parametrize("level", LEVELS)
def test_one_event_that_is_missing_is_lost_and_one_too_many_is_doubled(level):
    events = round_of()
    newest = max((each for each in events if each.cost), key=lambda event: event.ts)
    fewer = [event for event in events if event is not newest]
    tokens = newest.prompt_tokens + newest.completion_tokens

    assert gap(truth_of(events), level, history_of(truth_of(fewer), level)) == Gap(
        *(1, 0, tokens + tokens - newest.cached_tokens, newest.cost)
    )
    more = history_of(truth_of([*events, newest]), level)
    assert gap(truth_of(events), level, more) == Gap(
        *(0, 1, tokens + tokens - newest.cached_tokens, newest.cost)
    )


def test_an_event_in_the_wrong_pane_is_lost_in_one_and_doubled_in_the_other():
    events = round_of()
    last = events.index(max(events, key=lambda event: event.ts))
    moved = [*events]
    moved[last] = moved[last]._replace(ts=moved[last].ts - 10)

    found = gap(truth_of(events), FINE, history_of(truth_of(moved), FINE))
    assert (found.lost, found.doubled) == (1, 1)


def test_a_round_holds_events_that_each_level_keeps_and_that_it_no_longer_does():
    truth = truth_of(round_of())

    def kept(level):
        return sum(cell[1] for cells in truth.kept(level).values() for cell in cells.values())

    assert truth.events == 2_000
    assert 1_700 < kept(FINE) < kept(MIDDLE) < kept(HOUR) == kept(DAY) == 2_000


def test_the_same_seed_gives_the_same_round():
    assert round_of(seed=3) == round_of(seed=3)
    assert round_of(seed=3) != round_of(seed=4)
