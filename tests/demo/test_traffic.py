"""The traffic of the demo: the figures of the study, and a gateway of today."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from traffic_counts import DAY, SEEDS, START, counted, percent, said

from streams.demo.draws import joint_shares, scaled
from streams.demo.figures import ORIGINS, study
from streams.demo.live_gateway import Gateway, busy_seconds, gateway_events
from streams.demo.study_year import bent


def test_languages_of_the_study_sum_up_to_the_whole_and_the_split_of_other_is_below_thai():
    shares = {language.tag: language.share for language in study().languages}

    assert sum(shares.values()) == pytest.approx(100)
    assert list(shares)[:5] == ["en", "zh-Hans", "ru", "es", "th"]
    assert sum(list(shares.values())[5:]) == pytest.approx(7.25)
    assert all(share < 1.0 for share in list(shares.values())[5:])


def test_the_mix_of_the_gateway_is_a_whole_of_all_origins():
    assert sum(study().gateway.values()) == pytest.approx(100)
    assert set(study().gateway) == set(ORIGINS)


def test_each_origin_has_models_from_the_first_week_on_and_each_model_a_known_origin():
    old = {model.origin for model in study().models if model.since <= study().start}

    assert old == set(ORIGINS)
    assert {model.origin for model in study().models} == set(ORIGINS)


def test_no_way_of_writing_a_model_belongs_to_two():
    written = [name for model in study().models for name in (model.name, *model.also)]

    assert len(written) == len(set(written))


def test_no_way_of_declaring_a_language_belongs_to_two():
    ways = [way for language in study().languages for way in language.declared]

    assert len(ways) == len(set(ways))


def test_no_name_needs_escaping_in_json():
    names = [name for model in study().models for name in (model.name, *model.also)]
    names += [way for language in study().languages for way in language.declared if way]

    assert all(json.dumps(name) == f'"{name}"' for name in names)


positive = st.floats(1e-3, 1e6)


@settings(deadline=None)
@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=50), st.integers(0, 10**7))
def test_scaled_requests_have_just_the_tokens_given(raw, spare):
    tokens = 2 * len(raw) + spare

    sizes = scaled(raw, tokens)

    assert sum(prompt + completion for prompt, completion in sizes) == tokens
    assert all(prompt >= 1 and completion >= 1 for prompt, completion in sizes)
    assert len(sizes) == len(raw)


@given(st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5))
@settings(max_examples=examples(25), deadline=None)
def test_shares_of_origin_and_language_keep_both_margins(weights):
    origins = dict(zip(ORIGINS, weights, strict=True))

    cells = joint_shares(origins)

    for origin, share in percent(origins).items():
        got = sum(part for (of, _), part in cells.items() if of == origin)
        assert 100 * got == pytest.approx(share, abs=0.01)
    for language in study().languages:
        got = sum(part for (_, tag), part in cells.items() if tag == language.tag)
        assert 100 * got == pytest.approx(language.share, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(1.5, 28.0), min_size=20, max_size=60), st.floats(0.3, 0.6))
def test_a_bent_curve_keeps_its_order_and_takes_on_its_figures(middle, place):
    values = [1.0, 30.0, *middle]
    average = 2.0 + 20.0 * place

    result = bent(values, 2.0, 22.0, average)

    assert result[0] == min(result) == 2.0
    assert max(result) == pytest.approx(22.0)
    assert fmean(result) == pytest.approx(average)
    ranked = sorted(range(len(values)), key=values.__getitem__)
    assert all(result[a] <= result[b] + 1e-9 for a, b in pairwise(ranked))


def test_a_history_has_just_the_count_given_within_its_time_in_order():
    events = list(gateway_events(1, START, START + 28 * DAY, count=30_000))

    assert len(events) == 30_000
    assert all(before.ts <= after.ts for before, after in pairwise(events))
    assert START <= events[0].ts < START + DAY
    assert START + 27 * DAY < events[-1].ts < START + 28 * DAY


@given(st.integers(0, 300), st.sampled_from(SEEDS), st.floats(1.0, 40 * DAY))
@settings(max_examples=examples(25), deadline=None)
def test_any_count_in_any_span_is_met(count, seed, span):
    events = list(gateway_events(seed, START, START + span, count=count))

    assert len(events) == count
    assert all(START <= event.ts < START + span for event in events)
    assert all(said(event)["ts"] == event.ts for event in events)


def test_a_rate_is_the_mean_over_a_week():
    events = sum(1 for _ in gateway_events(1, START, START + 7 * DAY, rate_per_second=0.05))

    expected = 0.05 * 7 * DAY
    assert abs(events - expected) < 5 * math.sqrt(expected)


@pytest.mark.parametrize("given_", [{}, {"rate_per_second": 1.0, "count": 1}])
def test_a_history_needs_either_a_rate_or_a_count(given_):
    with pytest.raises(ValueError, match="either"):
        gateway_events(1, START, START + DAY, **given_)


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        Gateway(1, START, 0)


def test_days_are_busier_than_nights_and_weekdays_than_weekends():
    by_day, by_hour = Counter(), Counter()
    for event in gateway_events(2, START, START + 28 * DAY, count=40_000):
        moment = dt.datetime.fromtimestamp(event.ts, dt.UTC)
        by_day[moment.weekday()] += 1
        by_hour[moment.hour] += 1

    assert by_hour[14] > 2 * by_hour[2]
    assert min(by_day[day] for day in range(5)) > 1.5 * max(by_day[5], by_day[6])


def test_a_whole_week_is_as_busy_as_it_is_long_wherever_it_begins():
    for begin in (START, START + 12_345.6):
        assert busy_seconds(begin, begin + 7 * DAY) == pytest.approx(7 * DAY)


@given(st.lists(st.floats(0.0, 600.0), max_size=12))
@settings(max_examples=examples(25), deadline=None)
def test_how_often_a_gateway_is_asked_does_not_change_what_it_reports(moments):
    asked, once = Gateway(5, START, 2.0), Gateway(5, START, 2.0)
    portions = [asked.until(START + moment) for moment in [*sorted(moments), 600.0]]

    assert [event for portion in portions for event in portion] == once.until(START + 600.0)


def test_a_gateway_hands_out_what_is_due_and_nothing_twice():
    gateway = Gateway(5, START, 5.0)

    first, second, none = (gateway.until(START + at) for at in (60, 120, 120))

    assert all(START <= event.ts < START + 60 for event in first)
    assert all(START + 60 <= event.ts < START + 120 for event in second)
    assert first
    assert second
    assert none == []


def test_the_live_stream_continues_the_history_without_a_repeated_id():
    end = START + DAY
    history = list(gateway_events(7, START, end, count=2_000))
    live = Gateway(7, end, 3.0).until(end + 600)

    ids = [said(event)["id"] for event in [*history, *live]]
    assert len(ids) == len(set(ids))
    assert history[-1].ts < end <= live[0].ts


def test_the_mix_of_a_gateway_is_that_of_the_studys_end():
    truth = counted(gateway_events(8, START, START + 28 * DAY, count=100_000))
    origins, languages = (percent(truth.tokens_by(d)) for d in ("origin", "language"))

    for origin, share in study().gateway.items():
        assert origins[origin] == pytest.approx(share, abs=1.5)
    assert languages["en"] == pytest.approx(82.87, abs=1.5)
    assert set(languages) == {language.tag for language in study().languages}


def test_a_gateway_can_be_turned_to_another_mix():
    gateway = Gateway(9, START, 50.0)
    before = percent(counted(gateway.until(START + 200)).tokens_by("origin"))

    gateway.turn({**study().gateway, "cn-open": 80.0})
    after = percent(counted(gateway.until(START + 400)).tokens_by("origin"))

    assert before["cn-open"] == pytest.approx(21, abs=5)
    assert after["cn-open"] == pytest.approx(100 * 80 / 159, abs=5)


def test_tenants_are_large_and_small():
    tenants = Counter(said(e)["tenant"] for e in Gateway(1, START, 10.0).until(START + 3600))

    assert len(tenants) == study().tenants
    assert tenants.most_common(1)[0][0] == "team-01"
    assert tenants["team-01"] > 10 * tenants["team-24"]
