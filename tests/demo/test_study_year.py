"""The year of the study has the figures that the study gives."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from traffic_counts import counted, percent, said

from streams.demo.figures import ORIGINS, WEEK_SECONDS, study
from streams.demo.study_year import study_events, weekly_shares
from streams.demo.truth import Truth


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
