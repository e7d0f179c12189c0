from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections import Counter, defaultdict
from itertools import pairwise, repeat
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.demo.bulk import live_events, plain_events
from streams.demo.draws import joint_shares, scaled
from streams.demo.figures import ORIGINS, WEEK_SECONDS, study
from streams.demo.live_gateway import Gateway, busy_seconds, gateway_events
from streams.demo.study_year import bent, study_events, weekly_shares
from streams.demo.truth import Truth, TruthError

START = dt.datetime(2026, 10, 26, tzinfo=dt.UTC).timestamp()
DAY = 86_400.0
SEEDS = (1, 2)


def counted(events):
    truth = Truth()
    for event in events:
        truth.add(event)
    return truth


def percent(parts):
    total = sum(parts.values())
    return {key: 100 * part / total for key, part in parts.items()}


def said(event):
    return json.loads(event.value)


# --- The figures ---------------------------------------------------------------------------------


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


# --- The year of the study -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def year():
    return list(study_events(1))


@pytest.fixture(scope="module")
def weeks(year):
    truths = [Truth() for _ in range(study().weeks)]
    for event in year:
        truths[int((event.ts - study().start) // WEEK_SECONDS)].add(event)
    return truths


def shares_of(weeks, origin):
    return [percent(week.tokens_by("origin"))[origin] for week in weeks]


@pytest.mark.slow
def test_the_year_has_56_weeks_from_a_monday_on(weeks):
    start = dt.datetime.fromtimestamp(study().start, dt.UTC)

    assert start.isoformat() == "2024-11-04T00:00:00+00:00"
    assert len(weeks) == 56
    assert dt.datetime.fromtimestamp(study().end, dt.UTC).date() == dt.date(2025, 12, 1)
    assert 300_000 <= sum(week.requests for week in weeks) <= 400_000


def test_chinese_open_models_start_at_1_2_percent_their_lowest_week(weeks):
    shares = shares_of(weeks, "cn-open")

    assert shares[0] == pytest.approx(1.2, abs=0.05)
    assert min(shares) == shares[0]


def test_chinese_open_models_come_near_30_percent_in_the_second_half_of_2025(weeks):
    shares = shares_of(weeks, "cn-open")
    top = max(range(56), key=shares.__getitem__)

    assert 28.5 <= shares[top] <= 30.5
    assert dt.datetime.fromtimestamp(study().start + top * WEEK_SECONDS, dt.UTC).month >= 7
    assert top > 34


@pytest.mark.parametrize(
    ("origin", "average", "tolerance"),
    [
        ("cn-open", 13.0, 0.1),
        ("row-open", 13.7, 0.1),
        ("row-proprietary", 70.0, 0.3),
        ("cn-proprietary", 3.1, 0.1),
        ("unknown", 0.2, 0.1),
    ],
)
def test_the_average_of_the_weekly_shares_is_the_studys(weeks, origin, average, tolerance):
    assert fmean(shares_of(weeks, origin)) == pytest.approx(average, abs=tolerance)


def test_all_open_models_together_end_near_a_third(weeks):
    last = percent(weeks[-1].tokens_by("origin"))

    assert 28 < last["cn-open"] + last["row-open"] < 36


def test_languages_have_the_shares_of_the_study(year):
    shares = percent(counted(year).tokens_by("language"))

    assert set(shares) == {language.tag for language in study().languages}
    for language in study().languages:
        assert shares[language.tag] == pytest.approx(language.share, abs=0.1)


def test_chinese_is_the_second_language(year):
    shares = counted(year).tokens_by("language")

    assert sorted(shares, key=shares.get)[-2:] == ["zh-Hans", "en"]


def test_chinese_prompts_lean_to_chinese_models(year):
    cells = counted(year).cells
    tokens = {key: prompt + completion for key, (_, prompt, completion) in cells.items()}

    def chinese_models(language):
        parts = percent({origin: tokens.get((origin, language), 0) for origin in ORIGINS})
        return parts["cn-open"] + parts["cn-proprietary"]

    assert chinese_models("zh-Hans") > 2 * chinese_models("en")


def test_requests_of_the_year_grow_in_size_as_in_the_study(weeks):
    first, last = weeks[0], weeks[-1]

    assert 3_000 < first.tokens / first.requests < 3_500
    assert 6_000 < last.tokens / last.requests < 6_800


def test_few_requests_carry_much_of_the_tokens(year):
    sizes = sorted((event.tokens for event in year), reverse=True)

    assert 0.3 < sum(sizes[: len(sizes) // 10]) / sum(sizes) < 0.7


def test_events_of_the_year_come_in_order_of_time_and_within_it(year):
    assert all(before.ts <= after.ts for before, after in pairwise(year))
    assert study().start <= year[0].ts
    assert year[-1].ts < study().end


def test_no_model_is_used_before_its_release(year):
    since = {model.name: model.since for model in study().models}

    assert all(event.ts >= since[said(event)["model"]] for event in year[::5])


def test_open_models_follow_the_studys_order_of_authors(year):
    authors = Counter()
    for event in year[::3]:
        if event.origin.endswith("-open"):
            authors[said(event)["model"].split("/")[0]] += event.tokens

    assert authors.most_common(1)[0][0] == "deepseek"
    assert {name for name, _ in authors.most_common(4)} == {
        *("deepseek", "qwen", "meta-llama", "mistralai")
    }


def test_what_an_event_says_is_what_is_counted(year):
    plain = {language.tag: language.declared[0] for language in study().languages}
    origin_of = {model.name: model.origin for model in study().models}

    for event in year[::11]:
        value = said(event)
        assert value["ts"] == event.ts
        assert value["prompt_tokens"] == event.prompt_tokens >= 1
        assert value["completion_tokens"] == event.completion_tokens >= 1
        assert value.get("language") == plain[event.language]
        assert origin_of[value["model"]] == event.origin


def test_no_two_events_of_the_year_share_an_id(year):
    assert len({event.value.split(b'"', 4)[3] for event in year}) == len(year)


def test_the_same_seed_gives_the_same_year_and_another_seed_another():
    def head(seed):
        return [event for event, _ in zip(study_events(seed), range(2000), strict=False)]

    assert head(3) == head(3)
    assert head(3) != head(4)


@given(st.integers(0, 2**32))
@settings(max_examples=examples(15), deadline=None)
def test_whatever_the_seed_the_weekly_shares_hold_the_published_figures(seed):
    weeks = weekly_shares(seed)
    chinese = [week["cn-open"] for week in weeks]

    assert chinese[0] == pytest.approx(1.2)
    assert min(chinese) == pytest.approx(1.2)
    assert max(chinese) == pytest.approx(29.5)
    assert fmean(chinese) == pytest.approx(13.0)
    assert fmean(week["row-open"] for week in weeks) == pytest.approx(13.7)
    assert fmean(week["row-proprietary"] for week in weeks) == pytest.approx(70.0)
    assert all(sum(week.values()) == pytest.approx(100) for week in weeks)
    assert all(share > 0 for week in weeks for share in week.values())


# --- Laws of the parts ---------------------------------------------------------------------------

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


# --- A gateway of today --------------------------------------------------------------------------


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


# --- A bulk of everything ------------------------------------------------------------------------


@given(st.integers(0, 500), st.sampled_from(SEEDS), st.floats(1.0, 40 * DAY))
@settings(max_examples=examples(25), deadline=None)
def test_a_bulk_has_its_count_within_its_time_each_event_once(count, seed, span):
    events = list(plain_events(count, seed, START, START + span))

    assert len({said(event)["id"] for event in events}) == len(events) == count
    assert all(START <= event.ts < START + span for event in events)
    assert all(said(event)["ts"] == event.ts for event in events)


def test_a_bulk_has_every_origin_language_model_and_way_of_writing_them():
    origins, languages, models = set(), set(), set()
    ways = defaultdict(set)
    for event in plain_events(60_000, 1, START, START + DAY):
        value = said(event)
        origins.add(event.origin)
        languages.add(event.language)
        models.add(value["model"])
        ways[event.language].add(value.get("language"))

    assert origins == set(ORIGINS)
    assert languages == {language.tag for language in study().languages}
    assert models == {name for model in study().models for name in (model.name, *model.also)}
    assert ways["zh-Hans"] >= {"zh_CN", "zho"}
    assert ways["en"] >= {"EN", "en_US.UTF-8"}
    assert ways["und"] == {None, "", "und"}


def test_a_bulk_is_out_of_order_but_not_far():
    times = [event.ts for event in plain_events(20_000, 1, 0.0, 20_000.0)]
    moved = [abs(place - at) for place, at in enumerate(times)]

    assert any(before > after for before, after in pairwise(times))
    assert 20 < fmean(moved) < 100
    assert max(moved) < 2_000


def test_the_same_seed_gives_the_same_bulk():
    first, second = (list(plain_events(3_000, 4, START, START + DAY)) for _ in range(2))

    assert first == second


def test_a_live_event_is_of_the_time_at_which_it_is_asked_for():
    clock = iter([START, START + 0.5, START + 0.75, START + 9.0])
    events = live_events(3, 4, lambda: next(clock))
    found = [next(events), next(events), next(events)]

    assert [event.ts for event in found] == [START + 0.5, START + 0.75, START + 9.0]
    assert all(said(event)["ts"] == event.ts for event in found)
    assert next(events, None) is None


def test_a_gateway_that_is_started_again_makes_new_requests():
    first, second = (list(live_events(100, 4, repeat(at).__next__)) for at in (START, START + 1))

    assert len({said(event)["id"] for event in (*first, *second)}) == 200
    assert [event[2:] for event in first] == [event[2:] for event in second]


def test_a_bulk_needs_time_to_lie_in():
    with pytest.raises(ValueError, match="no millisecond"):
        list(plain_events(1, 1, START, START))


def test_a_bulk_comes_fast_enough_not_to_be_what_is_measured():
    # An idle core makes some 250,000 a second; a busy machine must not fail the test.
    begin = time.process_time()

    made = sum(1 for _ in plain_events(100_000, 1, START, START + DAY))

    assert made / (time.process_time() - begin) > 50_000


# --- The truth -----------------------------------------------------------------------------------

truths = st.builds(
    Truth,
    st.dictionaries(
        st.tuples(st.sampled_from(ORIGINS), st.sampled_from(["en", "zh-Hans", "und"])),
        st.lists(st.integers(0, 10**12), min_size=3, max_size=3),
    ),
)


def test_a_truth_counts_requests_and_tokens_by_origin_and_language():
    events = list(plain_events(1_000, 2, START, START + DAY))
    truth = counted(events)

    assert truth.requests == 1_000
    assert truth.tokens == sum(event.tokens for event in events)
    for dimension in ("origin", "language"):
        sums = Counter()
        for event in events:
            sums[getattr(event, dimension)] += event.tokens
        assert truth.tokens_by(dimension) == sums


def test_the_truths_of_two_parts_add_up_to_that_of_the_whole():
    events = list(plain_events(1_000, 3, START, START + DAY))
    parts = counted(events[:400])

    parts.merge(counted(events[400:]))

    assert parts == counted(events)


@given(truths)
@settings(deadline=None)
def test_a_manifest_keeps_the_truth_through_json(truth):
    manifest = truth.to_manifest(seed=1, start=START, end=START + DAY, topic="llm-usage")

    assert Truth.from_manifest(json.loads(json.dumps(manifest))) == truth
    assert manifest["events"] == truth.requests
    assert sum(cell["tokens"] for cell in manifest["cells"]) == truth.tokens


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"cells": [{}], "events": 0},
        {"cells": None, "events": 0},
        {"cells": [], "events": 5},
    ],
    ids=["empty", "cell-without-key", "no-list", "wrong-sum"],
)
def test_what_is_not_a_manifest_is_refused(manifest):
    with pytest.raises(TruthError):
        Truth.from_manifest(manifest)
