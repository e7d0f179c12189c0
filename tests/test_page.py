"""The page in a real Chromium, served by the real server from made-up numbers."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import random
import shutil
import threading
import time
import tomllib
from contextlib import contextmanager

import pytest

from streams.origin.overrides import suggestion
from streams.web.server import Sources, make_app, serve

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WINDOWS = {"5m": 300, "1h": 3600, "24h": 86_400, "7d": 604_800}
STEPS = {"10s": 10, "5m": 300, "1h": 3600, "1d": 86_400, "1w": 604_800}
ORIGIN_SHARES = {
    "cn-open": 0.274,
    "cn-proprietary": 0.031,
    "row-open": 0.127,
    "row-proprietary": 0.545,
    "unknown": 0.023,
}
LANGUAGE_SHARES = {
    "en": ("English", 0.8287),
    "zh-Hans": ("Chinese (Simplified)", 0.0495),
    "ru": ("Russian", 0.0247),
    "es": ("Spanish", 0.0143),
    "th": ("Thai", 0.0103),
    "de": ("German", 0.0100),
    "ja": ("Japanese", 0.0090),
    "fr": ("French", 0.0085),
    "pt-BR": ("Portuguese (Brazil)", 0.0080),
    "ko": ("Korean", 0.0060),
    "und": ("Undetermined", 0.0130),
    "other": ("Other", 0.0180),
}
DEVELOPER_SHARES = {
    "Anthropic": 0.24,
    "Google": 0.21,
    "DeepSeek": 0.17,
    "OpenAI": 0.11,
    "Alibaba": 0.08,
    "Meta": 0.07,
    "Mistral": 0.06,
    "Moonshot AI": 0.03,
    "other": 0.03,
}
MODEL_SHARES = {
    "anthropic/claude-sonnet-4.5": (0.22, "row-proprietary"),
    "google/gemini-2.5-flash": (0.20, "row-proprietary"),
    "deepseek/deepseek-v3.2": (0.17, "cn-open"),
    "qwen/qwen3-235b-a22b-instruct-2507": (0.08, "cn-open"),
    "meta-llama/llama-3.3-70b-instruct": (0.07, "row-open"),
    "other": (0.26, None),
}
# A model's name is text from outside: it must stay text, however it looks.
# What stands where there is no number.
NOTHING = "\N{EN DASH}"
HOSTILE = "<img src=x onerror=document.title='broken'>"


def rows(shares, tokens, requests, **more):
    """Rows of one dimension; in requests the small shares are larger than in tokens."""
    roots = {key: share**0.7 for key, share in shares.items()}
    whole = sum(roots.values())
    return [
        {
            "key": key,
            "tokens": round(tokens * share),
            "requests": round(requests * roots[key] / whole),
            "tokens_ratio": share,
            "requests_ratio": roots[key] / whole,
            **{name: value[key] for name, value in more.items() if key in value},
        }
        for key, share in shares.items()
    ]


def drifted(shares, key, points):
    """Take points from every share in proportion and give them to one."""
    left = (1 - shares[key] - points) / (1 - shares[key])
    return {one: share + points if one == key else share * left for one, share in shares.items()}


def made_up_window(name, now):
    seconds = WINDOWS[name]
    requests = round(seconds * 37.3)
    tokens = requests * 5_431
    drift = {"5m": 0.012, "1h": 0.006, "24h": 0.0, "7d": -0.053}[name]
    origins = drifted(ORIGIN_SHARES, "cn-open", drift)
    languages = {key: share for key, (_, share) in LANGUAGE_SHARES.items()}
    return {
        "seconds": seconds,
        "start": now - seconds,
        "end": now,
        "requests": requests,
        "tokens": tokens,
        "prompt_tokens": tokens * 15 // 16,
        "completion_tokens": tokens // 16,
        "origin": rows(origins, tokens, requests),
        "language": rows(
            languages, tokens, requests, name={k: n for k, (n, _) in LANGUAGE_SHARES.items()}
        ),
        "developer": rows(DEVELOPER_SHARES, tokens, requests),
        "model": rows(
            {key: share for key, (share, _) in MODEL_SHARES.items()},
            tokens,
            requests,
            origin={key: origin for key, (_, origin) in MODEL_SHARES.items() if origin},
        ),
        "joint": [
            {
                "origin": origin,
                "language": language,
                "tokens": round(tokens * share * part),
                "requests": round(requests * share * part),
            }
            for origin, share in origins.items()
            for language, part in languages.items()
        ],
    }


def made_up_unknown(model, tokens, requests):
    return {
        "model": model,
        "tokens": tokens,
        "requests": requests,
        "matched_by": "unknown: no known name",
        "override": suggestion(model),
    }


def made_up_shares(now):
    return {
        "as_of": now,
        "ready": True,
        "reasons": [],
        "simulated": True,
        "windows": {name: made_up_window(name, now) for name in WINDOWS},
        "unknown": [
            made_up_unknown("prod-chat", 1_812_000_000, 310_211),
            made_up_unknown("openrouter/auto", 901_200_300, 90_411),
            made_up_unknown(HOSTILE, 1_200, 3),
        ],
        "pipeline": {
            "lag": 12,
            "late": 41,
            "rejected": 3,
            "partitions": [
                {
                    "partition": number,
                    "position": 1_234_000 + number,
                    "end_offset": 1_234_006 + number,
                    "lag": 6,
                    "newest": now - 0.4,
                    "owned": number == 0,
                }
                for number in (0, 1)
            ],
            "records": [
                {"result": "counted", "reason": "", "count": 2_468_000},
                {"result": "rejected", "reason": "not_json", "count": 3},
            ],
        },
    }


def made_up_history(dimension, step, start, now):
    """Chinese open rises from 1.2 % to 27.4 % over the year; part of an hour is missing."""
    seconds = STEPS[step]
    chance = random.Random(f"{dimension}{step}")
    # 1970 began on a Thursday: weeks start four days later.
    shift = 4 * 86_400 if step == "1w" else 0
    first = math.ceil((start - shift) / seconds) * seconds + shift
    points = []
    for at in range(int(first), int(now), seconds):
        if step == "5m" and 6 * 3600 < now - at < 7 * 3600:
            continue
        done = max(0.0, 1 - (now - at) / (365 * 86_400))
        requests = round(seconds * 37.3 * chance.uniform(0.8, 1.2))
        tokens = requests * 5_431
        if dimension == "origin":
            rise = 0.012 + 0.262 * done**1.6 - ORIGIN_SHARES["cn-open"]
            shares = drifted(ORIGIN_SHARES, "cn-open", rise * chance.uniform(0.97, 1.03))
        else:
            shares = {key: share for key, (_, share) in LANGUAGE_SHARES.items()}
            shares = drifted(shares, "zh-Hans", 0.02 * done + chance.uniform(0, 0.004))
        cells = {k: [round(tokens * s), round(requests * s)] for k, s in shares.items()}
        points.append({"start": at, "tokens": tokens, "requests": requests, "cells": cells})
    return {
        "dimension": dimension,
        "step": step,
        "seconds": seconds,
        "as_of": now,
        "points": points,
    }


async def no_movers(_):
    return None


def made_up_sources(**changes):
    """Return sources of made-up numbers; `changes` replace parts of the body of the shares."""

    async def history(asked):
        start = asked.start or time.time() - 3600
        return made_up_history(asked.dimension, asked.step, start, time.time())

    return Sources(
        shares=lambda: made_up_shares(time.time()) | changes,
        history=history,
        unknown=lambda window: {"window": window, "models": []},
        shifts=lambda: {
            "as_of": time.time(),
            "baseline_days": 2.5,
            "needed_days": 21,
            "shifts": [],
        },
        movers=no_movers,
        moment=lambda: {"as_of": time.time(), "generated_at": time.time(), "ready": True},
        readiness=lambda: changes.get("reasons", []),
        metrics=lambda accept: (b"# EOF\n", "text/plain; version=0.0.4"),
    )


@contextmanager
def served(sources, port=0):
    """Serve the page from a thread of its own; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    runner = run(serve(make_app(sources), "127.0.0.1", port))
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if CHROMIUM is None or sync_playwright is None:
        what = "Chromium (Debian package chromium)" if sync_playwright else "playwright (extra dev)"
        if os.environ.get("CI"):
            pytest.fail(f"{what} is not installed, and CI must drive the page")
        pytest.skip(f"{what} is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address():
    with served(made_up_sources()) as url:
        yield url


@pytest.fixture
def open_page(browser):
    """Open an address in a fresh browser; whatever it complains about fails the test."""
    contexts, complaints = [], []

    def complain(message):
        if message.type in ("error", "warning") and "ERR_CONNECTION_REFUSED" not in message.text:
            complaints.append(message.text)

    def go(url, width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#status.live")
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


def wait_for_chart(page):
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .main-svg", state="attached")
    page.wait_for_selector("#chart .scatterlayer .trace", state="attached")


def column(page, table, number):
    return page.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()


def plain(text):
    return text.replace("\u202f", " ")


def test_the_answer_is_the_first_thing_on_the_page(open_page, address):
    page = open_page(address)

    headline = plain(page.inner_text("h1"))
    subline = plain(page.inner_text("#subline"))

    assert headline == "Chinese open models: 27.4 % of tokens in the last 24 hours"
    assert "5.3 points above the last 7 days (22.1 %)" in subline
    assert page.locator("#status").inner_text() == "Live"


def test_all_five_origins_are_shown_for_each_window(open_page, address):
    page = open_page(address)

    assert column(page, "#origin-shares", 1) == [
        "Chinese open",
        "Chinese proprietary",
        "Open, rest of world",
        "Proprietary, rest of world",
        "Unknown",
    ]
    assert column(page, "#origin-shares", 4) == ["27.4", "3.1", "12.7", "54.5", "2.3"]
    assert page.locator("#origin-shares thead th").all_inner_texts()[1:] == [
        "5 min",
        "1 h",
        "24 h",
        "7 d",
    ]


def test_simulated_traffic_says_so(open_page, address):
    assert open_page(address).locator("#simulated").is_visible()


def test_real_traffic_says_nothing_of_the_kind(open_page):
    with served(made_up_sources(simulated=False)) as url:
        assert open_page(url).locator("#simulated").is_hidden()


def test_requests_and_window_change_headline_and_tables(open_page, address):
    page = open_page(address)

    page.get_by_label("Requests", exact=True).check()
    page.get_by_label("7 d", exact=True).check()

    assert "of requests in the last 7 days" in plain(page.inner_text("h1"))
    assert "All requests" in page.inner_text("#origin-shares tfoot")
    assert page.inner_text("#origin-shares thead .picked") == "7 d"


def test_a_view_can_be_sent_as_an_address(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    page.get_by_label("1 h", exact=True).check()

    other = open_page(page.url)

    assert "of requests in the last hour" in plain(other.inner_text("h1"))


def test_the_second_table_tells_languages_developers_or_models(open_page, address):
    page = open_page(address)
    assert column(page, "#key-shares", 1)[:2] == ["English", "Chinese (Simplified)"]
    assert len(column(page, "#key-shares", 1)) == 8

    page.get_by_role("button", name="Show all 12").click()
    assert column(page, "#key-shares", 1)[-1] == "Other"
    assert len(column(page, "#key-shares", 1)) == 12

    page.locator("#by").get_by_label("Developer").check()
    assert column(page, "#key-shares", 1)[0] == "Anthropic"
    page.locator("#by").get_by_label("Model").check()
    assert column(page, "#key-shares", 1)[0].startswith("anthropic/claude-sonnet-4.5")
    assert page.inner_text("#keys-heading") == "By model"


def test_the_keyboard_is_enough(open_page, address):
    page = open_page(address)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")

    assert "of requests" in page.inner_text("h1")


def test_a_year_shows_the_rise_in_words_in_the_chart_and_in_a_table(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.get_by_label("Year", exact=True).check()
    page.wait_for_selector("#change:has-text('year')")
    wait_for_chart(page)
    page.locator("#history-numbers summary").click()
    page.wait_for_selector("#history-numbers tbody tr")

    assert "Chinese open from 1." in plain(page.inner_text("#change"))
    assert page.locator("#chart .scatterlayer .trace").count() == 5
    assert 52 <= page.locator("#history-numbers tbody tr").count() <= 54


def test_a_young_deployment_starts_with_the_longest_period_it_has(open_page):
    async def history(asked):
        now = time.time()
        return made_up_history(asked.dimension, asked.step, max(asked.start, now - 7200), now)

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(url)
        wait_for_chart(page)

        assert page.get_by_label("Day", exact=True).is_checked()


def test_the_chart_tells_languages_too(open_page, address):
    page = open_page(address)

    page.locator("#over").get_by_label("Language").check()
    page.wait_for_selector("#legend:has-text('English')")

    assert "All others" in page.inner_text("#legend")


def test_bands_differ_without_colour(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    assert page.locator("#chart pattern").count() >= 3
    assert "Chinese open" in page.inner_text("#chart")


def test_unknown_models_are_named_and_stay_text(open_page, address):
    page = open_page(address)

    assert column(page, "#unknown", 1) == ["prod-chat", "openrouter/auto", HOSTILE]
    assert "TOKENSHARE_CATALOG_OVERRIDES" in page.inner_text("#unknown-note")
    assert column(page, "#unknown", 5) == ["no known name"] * 3
    entries = tomllib.loads(page.inner_text("#unknown pre"))["models"]
    assert list(entries) == ["prod-chat", "openrouter/auto", HOSTILE]
    assert page.title() != "broken"


def test_the_pipeline_tells_its_health(open_page, address):
    page = open_page(address)
    page.locator("#partitions summary").click()
    page.locator("#records summary").click()
    page.wait_for_selector("#records tbody tr")

    facts = page.inner_text("#pipeline")
    assert "Lag\n12" in facts
    assert "Late\n41" in facts
    assert "Rejected\n3" in facts
    assert column(page, "#partitions", 2) == ["1,234,000", "1,234,001"]
    assert column(page, "#records", 1) == ["counted", "rejected: not_json"]


def test_a_worker_that_is_not_ready_says_why(open_page):
    with served(made_up_sources(ready=False, reasons=["partition 3 has no owner"])) as url:
        page = open_page(url)

        assert "partition 3 has no owner" in page.inner_text("#banner")
        assert page.get_by_role("alert").is_visible()


def test_no_traffic_yet_is_said_in_words(open_page):
    window = made_up_window("24h", 1000.0)
    nothing = {"requests": 0, "tokens": 0, "language": [], "developer": [], "model": []}
    none = [{"key": key, "tokens": 0, "requests": 0} for key in ORIGIN_SHARES]
    windows = dict.fromkeys(WINDOWS, window | nothing | {"origin": none, "joint": []})

    async def history(asked):
        body = made_up_history(asked.dimension, asked.step, asked.start, time.time())
        return body | {"points": []}

    empty = dataclasses.replace(
        made_up_sources(windows=windows, unknown=[], as_of=None), history=history
    )
    with served(empty) as url:
        page = open_page(url)
        page.wait_for_selector("#chart.empty")

        assert page.inner_text("h1") == "No traffic in the last 24 hours"
        assert "No traffic" in page.inner_text("#chart")
        assert set(column(page, "#origin-shares", 4)) == {NOTHING}


def test_silence_is_called_stale_and_an_answer_ends_it(open_page):
    with served(made_up_sources()) as url:
        page = open_page(url)
    port = int(url.rsplit(":", 1)[1].strip("/"))

    page.wait_for_selector("#status.stale:has-text('Stale')")
    with served(made_up_sources(), port):
        page.wait_for_selector("#status.live:has-text('Live')")


def test_without_the_chart_library_the_numbers_are_there(open_page, monkeypatch):
    monkeypatch.setattr("streams.web.assets.CHART_LIBRARY", "a_package_that_nobody_has")
    with served(made_up_sources()) as url:
        page = open_page(url)
        page.wait_for_selector("#chart.empty")

        assert "not installed" in page.inner_text("#chart")
        assert page.locator("#origin-shares tbody tr").count() == 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
def test_nothing_is_wider_than_the_screen(open_page, address, tmp_path, width, scheme):
    page = open_page(address, width, color_scheme=scheme, reduced_motion="reduce")
    wait_for_chart(page)
    page.screenshot(path=tmp_path / f"page-{width}-{scheme}.png", full_page=True)
    for details in page.locator("summary").all():
        details.click()
    page.wait_for_selector("#joint tbody tr")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
    assert dark == (scheme == "dark")


def test_the_page_loads_nothing_from_elsewhere_and_stays_small(open_page, browser, address):
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes, urls = [], []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.on("request", lambda request: urls.append(request.url))

    page.goto(address)
    wait_for_chart(page)
    context.close()

    assert all(url.startswith(address) for url in urls)
    assert 100_000 < sum(sizes) < 1_500_000
