"""The page in a real Chromium, served by the real server from made-up numbers."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import itertools
import os
import re
import shutil
import time
import tomllib
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import schemathesis
from made_up import (
    HOSTILE,
    ORIGIN_SHARES,
    STEPS,
    WINDOWS,
    made_up_history,
    made_up_moved,
    made_up_shares,
    made_up_shifts,
    made_up_sources,
    made_up_unknown,
    no_traffic,
    only,
    served,
)

from streams.web import openapi
from streams.web.access import Access

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STATIC = Path(__file__).parents[2] / "streams" / "web" / "static"
# What stands where there is no number.
NOTHING = "\N{EN DASH}"
# Where an alert links to.
SHIFT = "#view=shift&dimension=origin&key=cn-open&measure=tokens&window=24h"
# What only the stream can do is shown without a timer.
NO_TIMERS = "globalThis.setInterval = () => 0;"
RECORDS_STREAMS = """
globalThis.streams = [];
globalThis.EventSource = class extends EventSource {
  constructor(...all) { super(...all); streams.push(this); }
};
"""
CAN_BE_HIDDEN = """
globalThis.isHidden = false;
Object.defineProperty(Document.prototype, "hidden", { get: () => isHidden });
globalThis.hide = (is) => { isHidden = is; document.dispatchEvent(new Event("visibilitychange")); };
"""


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

    def go(
        url,
        width=1280,
        height=900,
        *,
        script="",
        routes=(),
        expects=(),
        **more,
    ):
        def complain(message):
            # A page may outlive its server, and asks it again.
            known = ("ERR_CONNECTION_REFUSED", *expects)
            is_expected = any(part in message.text for part in known)
            if message.type in ("error", "warning") and not is_expected:
                complaints.append(message.text)

        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.add_init_script(script)
        for pattern, handler in dict(routes).items():
            page.route(pattern, handler)
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


def until(page, condition, arg=None):
    """Wait for a condition in JavaScript; the page's policy lets only the debugger evaluate it."""
    deadline = time.monotonic() + 15
    while not page.evaluate(condition, arg):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def wait_for_shifts(page):
    page.wait_for_selector("#shifts-state:not(:empty)")


def wait_for_movers(page):
    page.wait_for_selector("#shift-list details[open] .of-movers")


def column(page, table, number):
    return page.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()


def plain(text):
    return text.replace("\u202f", " ").replace("\N{MINUS SIGN}", "-")


def view_of(page):
    return dict(parse_qsl(page.url.partition("#")[2]))


def shift_names(page):
    return [
        name.replace("Shifted", "").split("\n")[0].strip()
        for name in page.locator("#shift-list .who").all_inner_texts()
    ]


@pytest.mark.parametrize("state", ["shifted", "quiet", "young", "new"])
def test_the_made_up_answers_are_as_the_api_describes_them(state):
    described = schemathesis.openapi.from_dict(openapi.DOCUMENT)
    start = str(int(time.time()) - 90 * 86_400)
    movers = {"dimension": "origin", "key": "cn-open", "measure": "tokens", "window": "24h"}
    questions = [
        ("/api/v1/shares", {}),
        ("/api/v1/shifts", {}),
        *(
            ("/api/v1/history", {"dimension": name, "step": "1d", "start": start})
            for name in ("origin", "language", "developer", "model")
        ),
        *([("/api/v1/shifts/movers", movers)] if state != "new" else []),
    ]
    if state != "new":
        questions.append(("/api/v1/shifts/movers", movers | {"dimension": "language", "key": "ru"}))
    with served(made_up_sources(state)) as url:
        for path, query in questions:
            answer = described[path]["GET"].Case(query=query).call(base_url=url)
            described[path]["GET"].validate_response(answer)
            assert answer.status_code == 200


# ---- the answer


def test_the_answer_is_the_first_thing_on_the_page(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    assert plain(page.inner_text("h1")) == (
        "Chinese open models: 27.4 % of tokens in the last 24 h, "
        "+5.3 points on the week; usual wobble ±1.5"
    )
    assert "3.22M requests, 17.5B tokens" in page.inner_text("#subline")
    assert page.locator("#status").inner_text() == "Live"
    assert plain(page.title()) == "27.4 % Chinese open · tokenshare"


def test_the_language_that_shifted_most_is_the_second_line(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    assert plain(page.inner_text("#second")) == (
        "Russian, the language that shifted most: 2.5 % of tokens, "
        "+1.2 points on the week; usual wobble ±0.2."
    )


def test_what_has_shifted_is_said_at_the_top_and_leads_to_the_list(open_page, address):
    page = open_page(address)
    verdict = page.get_by_role(
        "link", name="2 shares have shifted: Russian +1.2, Chinese open +5.3"
    )

    verdict.click()

    assert page.evaluate("document.activeElement.id") == "shifts"
    assert page.locator("#shifts-heading").is_visible()
    assert "#" not in page.url


def test_without_a_shift_the_largest_language_after_english_is_the_second_line(open_page):
    with served(made_up_sources("quiet")) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert "Chinese (Simplified), the largest language after English: 5.0" in plain(
            page.inner_text("#second")
        )
        assert page.inner_text("#verdict").startswith("Nothing has shifted")
        assert "Nothing has shifted." in page.inner_text("#shifts-state")
        assert page.locator(".shift.shifted").count() == 0


def test_a_young_deployment_says_what_is_missing_before_shifts_can_be_reported(open_page):
    with served(made_up_sources("young")) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert "wobble" not in page.inner_text("h1")
        assert page.inner_text("#verdict") == (
            "Too early to say what is usual: 2.5 of 21 days of history"
        )
        assert "History is too short" in page.inner_text("#shifts-state")
        assert page.locator("#shifts-progress").get_attribute("value") == "2.59"
        assert page.locator("#shift-list li").count() == 5


def test_before_the_first_shift_the_change_is_taken_from_the_windows(open_page):
    with served(made_up_sources("new")) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert plain(page.inner_text("h1")).endswith(
            "in the last 24 h, +5.3 points against the last 7 days"
        )
        assert "0 of 21 days" in page.inner_text("#shifts-state")
        assert page.locator("#shift-list li").count() == 0


def test_shifts_that_are_not_worked_out_yet_are_no_history_of_no_days(open_page):
    moments = itertools.chain([0.0], itertools.repeat(time.time()))

    def shifts():
        as_of = next(moments)
        return made_up_shifts(as_of, "quiet" if as_of else "new")

    with served(dataclasses.replace(made_up_sources(), shifts=shifts)) as url:
        page = open_page(url)
        page.wait_for_selector("#shifts-state:has-text('They are computed')")
        assert page.locator("#verdict").is_hidden()

        page.wait_for_selector("#shifts-state:has-text('Nothing has shifted')")


def test_the_first_day_is_compared_with_nothing(open_page):
    windows = dict.fromkeys(WINDOWS, made_up_shares(time.time())["windows"]["24h"])
    with served(made_up_sources("new", windows=windows)) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert page.inner_text("h1").endswith("of tokens in the last 24 h")


def test_no_traffic_yet_is_said_in_words(open_page):
    async def history(asked):
        body = made_up_history(asked.dimension, asked.step, asked.start, time.time())
        return body | {"points": []}

    empty = dataclasses.replace(
        made_up_sources("new", windows=no_traffic(), unknown=[], as_of=0), history=history
    )
    with served(empty) as url:
        page = open_page(url)
        page.wait_for_selector("#chart.empty")

        assert page.inner_text("h1") == "No traffic in the last 24 hours"
        assert "No traffic" in page.inner_text("#chart")
        assert set(column(page, "#origin-shares", 4)) == {NOTHING}
        assert page.inner_text("#key-shares") == "Nothing yet."
        assert page.inner_text("#unknown-note") == "Nothing yet."
        assert page.locator("#verdict").is_hidden()


def test_the_first_request_is_one(open_page):
    windows = made_up_shares(time.time())["windows"]
    with served(
        made_up_sources(windows={name: each | {"requests": 1} for name, each in windows.items()})
    ) as url:
        page = open_page(url)

        assert "Counted: 1 request, " in page.inner_text("#subline")


def test_simulated_traffic_says_so(open_page, address):
    assert open_page(address).locator("#simulated").is_visible()


def test_real_traffic_says_nothing_of_the_kind(open_page):
    with served(made_up_sources(simulated=False)) as url:
        assert open_page(url).locator("#simulated").is_hidden()


# ---- the tables


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


def test_what_a_reader_would_add_up_is_added_up(open_page, address):
    page = open_page(address)
    rows = [row.split("\t") for row in page.locator("#origin-shares tfoot tr").all_inner_texts()]

    assert [(row[0], row[3]) for row in rows] == [
        ("All Chinese", "30.5"),
        ("All open", "40.1"),
        ("All tokens", "17.5B"),
    ]


def test_requests_and_window_change_headline_and_tables(open_page, address):
    page = open_page(address)

    page.get_by_label("Requests", exact=True).check()
    page.get_by_label("7 d", exact=True).check()

    assert "of requests in the last 7 d, 27.8 % in the last 24 h" in plain(page.inner_text("h1"))
    assert "All requests" in page.inner_text("#origin-shares tfoot")
    assert page.inner_text("#origin-shares thead .picked") == "7 d"


def test_the_second_table_shows_languages_developers_or_models(open_page, address):
    page = open_page(address)
    assert column(page, "#key-shares", 1)[:2] == ["English", "Chinese (Simplified)"]
    assert len(column(page, "#key-shares", 1)) == 8

    page.get_by_role("button", name="Show all 13").click()
    assert column(page, "#key-shares", 1)[-1] == "Other"
    assert len(column(page, "#key-shares", 1)) == 13

    page.locator("#by").get_by_label("Developer").check()
    page.wait_for_selector("#keys-heading:has-text('By developer')")
    assert column(page, "#key-shares", 1)[0] == "Anthropic"
    page.locator("#by").get_by_label("Model").check()
    page.wait_for_selector("#keys-heading:has-text('By model')")
    assert column(page, "#key-shares", 1)[0].startswith("anthropic/claude-sonnet-4.5")


def test_what_was_chosen_and_does_not_come_leaves_the_table_before_it(open_page, address):
    page = open_page(address, expects=("503",))
    page.route("**/api/v1/shares?*", lambda route: route.fulfill(status=503, body="{}"))

    page.locator("#by").get_by_label("Developer").check()

    page.wait_for_selector("#banner:not([hidden])")
    assert page.inner_text("#keys-heading") == "By language"
    assert column(page, "#key-shares", 1)[0] == "English"


def test_only_the_dimensions_that_are_looked_at_are_asked_for(open_page, address):
    page = open_page(address)
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.locator("#by").get_by_label("Model").check()
    page.locator("#joint summary").click()
    page.wait_for_selector("#joint tbody tr")

    shares = [url.partition("dimensions=")[2] for url in asked if "/shares?" in url]
    assert shares[0] in {"origin,language", "origin,language,model"}
    assert shares[-1] == "origin,language,model,joint"


def test_the_webs_languages_stand_beside_ours_and_are_in_no_sum(open_page, address):
    page = open_page(address)
    page.get_by_role("button", name="Show all 13").click()

    web = dict(zip(column(page, "#key-shares", 1), column(page, "#key-shares", 6), strict=True))
    assert web["English"] == "49.5"
    assert web["Spanish"] == "6.0"
    assert web["Russian"] == "3.2a"
    assert web["Chinese (Simplified)"] == "1.2c"
    # All written Chinese is one figure: it stands once.
    assert web["Chinese (Traditional)"] == NOTHING
    assert web["Thai"] == web["Undetermined"] == web["Other"] == NOTHING
    assert page.locator("#key-shares tfoot .web").inner_text() == ""
    assert "per cent of sites" in page.inner_text("#key-shares caption")
    note = page.inner_text("#web-note")
    assert note.startswith("Web is another unit: per cent of websites")
    assert "W3Techs, 1 October 2026" in note
    assert "not of tokens" in note


def test_developers_and_models_have_no_share_of_the_web(open_page, address):
    page = open_page(address)

    page.locator("#by").get_by_label("Developer").check()
    page.wait_for_selector("#keys-heading:has-text('By developer')")

    assert page.locator("#key-shares .web").count() == 0
    assert page.locator("#web-note").is_hidden()


# ---- the view in the address


def test_a_view_can_be_sent_as_an_address(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    page.get_by_label("1 h", exact=True).check()
    page.locator("#by").get_by_label("Model").check()
    page.locator("#over").get_by_label("Developer").check()
    page.get_by_label("2 years").check()
    assert view_of(page) == {
        "measure": "requests",
        "window": "1h",
        "by": "model",
        "over": "developer",
        "range": "2y",
    }

    other = open_page(page.url)

    assert "of requests in the last 1 h" in plain(other.inner_text("h1"))
    assert other.inner_text("#keys-heading") == "By model"
    assert other.locator("#over").get_by_label("Developer").is_checked()
    assert other.get_by_label("2 years").is_checked()


def test_a_first_visit_has_a_plain_address(open_page, address):
    assert open_page(address).url == address


def test_an_address_with_values_that_are_none_is_a_first_visit(open_page, address):
    page = open_page(
        f"{address}#measure=dollars&window=3h&range=%00&view=shift&dimension=developer"
    )

    assert "of tokens in the last 24 h" in plain(page.inner_text("h1"))


def test_back_and_forward_undo_and_repeat_choices(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    page.locator("#by").get_by_label("Developer").check()
    page.wait_for_selector("#keys-heading:has-text('By developer')")

    page.go_back()
    assert page.inner_text("#keys-heading") == "By language"
    assert page.get_by_label("Requests", exact=True).is_checked()
    page.go_back()
    assert page.get_by_label("Tokens", exact=True).is_checked()
    assert "of tokens" in page.inner_text("h1")
    page.go_forward()
    page.go_forward()
    page.wait_for_selector("#keys-heading:has-text('By developer')")


def test_trying_the_values_of_one_control_is_one_step_back(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    for name in ("5 min", "1 h", "7 d"):
        page.get_by_label(name, exact=True).check()

    page.go_back()

    assert page.get_by_label("24 h", exact=True).is_checked()
    assert page.get_by_label("Requests", exact=True).is_checked()


def test_the_keyboard_is_enough(open_page, address):
    page = open_page(f"{address}#window=1h")
    wait_for_shifts(page)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert view_of(page) == {"window": "1h"}
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "verdict"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert "of requests" in page.inner_text("h1")

    page.locator("#shift-list summary").nth(1).focus()
    page.keyboard.press("Enter")
    wait_for_movers(page)
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


# ---- shares over time


@pytest.mark.parametrize("name", ["Hour", "Day", "Week", "28 days", "Year", "2 years"])
def test_every_period_has_its_chart_its_words_and_its_table(open_page, address, name):
    page = open_page(address)
    wait_for_chart(page)
    steps = {"Hour": 61, "Day": 276, "Week": 57, "28 days": 28, "Year": 53, "2 years": 105}[name]

    page.locator("#range").get_by_label(name, exact=True).check()
    words = {"Hour": "hour", "Day": "24 hours", "Week": "7 days"}.get(name, name.lower())
    page.wait_for_selector(f"#change:has-text('the last {words}')")
    page.locator("#history-numbers summary").click()
    page.wait_for_selector("#history-numbers tbody tr")

    assert page.locator("#chart .scatterlayer .trace").count() == 5
    assert abs(page.locator("#history-numbers tbody tr").count() - steps) <= 2


def test_the_areas_stand_before_the_chart_library_has_come(open_page, address):
    held = []
    routes = {"**/static/vendor/*": lambda route: held.append(route)}  # noqa: PLW0108
    page = open_page(f"{address}#range=2y", routes=routes)
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .sketch path", state="attached")
    areas = page.locator("#chart .sketch path").evaluate_all(
        "all => all.map((each) => [each.className.baseVal, each.getAttribute('d')])"
    )
    box = "e => (({ x, y, width, height }) => [x, y, width, height])(e.getBoundingClientRect())"
    sketched = page.locator("#chart .sketch").evaluate(box)
    tops = [float(re.search(r"V([\d.]+)H1000\.0V100Z$", path)[1]) for _, path in areas]
    assert [paint for paint, _ in areas] == [
        *("unknown", "row-proprietary", "row-open", "cn-proprietary", "cn-open")
    ]
    assert tops == sorted(tops)
    assert tops[0] == 0

    held[0].continue_()
    wait_for_chart(page)
    assert page.locator("#chart .sketch").count() == 0
    # Nothing moves when the chart takes its place.
    drawn = page.locator("#chart .scatterlayer").first.evaluate(box)
    assert sketched == pytest.approx(drawn, abs=3)
    share = page.evaluate("document.getElementById('chart').data[0].y.at(-1)")
    assert 100 - tops[-1] == pytest.approx(share, abs=0.1)


def test_a_year_shows_the_rise_in_words(open_page, address):
    page = open_page(f"{address}#range=1y")
    wait_for_chart(page)

    assert "Chinese open from 1." in plain(page.inner_text("#change"))


def test_a_young_deployment_starts_with_the_longest_period_it_has(open_page):
    async def history(asked):
        now = time.time()
        return made_up_history(asked.dimension, asked.step, max(asked.start, now - 7200), now)

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(url)
        wait_for_chart(page)

        assert page.get_by_label("Day", exact=True).is_checked()
        assert "range" not in view_of(page)


def test_the_chart_shows_languages_developers_and_models_too(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.locator("#over").get_by_label("Language").check()
    page.wait_for_selector("#legend:has-text('English')")
    assert "All others" in page.inner_text("#legend")
    page.locator("#over").get_by_label("Developer").check()
    page.wait_for_selector("#legend:has-text('Anthropic')")
    page.locator("#over").get_by_label("Model").check()
    page.wait_for_selector("#legend:has-text('claude')")
    # A name from outside is text in legend and chart.
    assert HOSTILE in page.inner_text("#legend")
    page.locator("#chart .nsewdrag").first.hover()
    page.wait_for_selector("#chart .hoverlayer text")
    assert "<img src=x" in page.locator("#chart .hoverlayer").text_content()
    assert page.title() != "broken"


def test_many_unknown_models_of_long_names_leave_room_for_the_rest(open_page):
    name = "a" * 500
    unknown = [made_up_unknown(f"{name}{number}", 10, 1) for number in range(60)]
    with served(made_up_sources(unknown=unknown)) as url:
        page = open_page(url, width=360)

        heights = page.evaluate(
            "['#unknown', '#entries'].map((it) => document.querySelector(it).clientHeight)"
        )

        assert len(column(page, "#unknown", 1)) == 60
        assert max(heights) <= 400


def test_a_model_may_have_any_name(open_page):
    async def history(asked):
        body = made_up_history(asked.dimension, asked.step, asked.start, time.time())
        for point in body["points"]:
            point["cells"]["__proto__"] = point["cells"].pop("qwen/qwen3-235b-a22b-instruct-2507")
        return body

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(f"{url}#over=model")
        wait_for_chart(page)

        assert "__proto__" in page.inner_text("#legend")
        assert page.evaluate("({})[0]") is None


def test_the_chart_shows_requests_too(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.get_by_label("Requests", exact=True).check()

    page.wait_for_selector("#chart-note:has-text('of requests of each day')")


def test_bands_differ_without_colour(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    assert page.locator("#chart pattern").count() >= 3
    assert "Chinese open" in page.inner_text("#chart")


def test_without_the_chart_library_the_numbers_are_there(open_page, monkeypatch):
    monkeypatch.setattr("streams.web.assets.CHART_LIBRARY", "a_package_that_nobody_has")
    with served(made_up_sources()) as url:
        page = open_page(url)
        page.wait_for_selector("#chart.empty")

        assert "not installed" in page.inner_text("#chart")
        assert page.locator("#origin-shares tbody tr").count() == 5


def test_what_is_shown_can_be_had_as_csv(open_page, address):
    page = open_page(f"{address}#over=developer&range=7d")
    wait_for_chart(page)

    def rows_of(link):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).click()
        return list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))

    history = rows_of("This period as CSV")
    shares = rows_of("All windows as CSV")

    assert {"start", "developer", "tokens_ratio"} <= set(history[0])
    assert {row["developer"] for row in history} >= {"Anthropic", "DeepSeek"}
    assert 167 <= len({row["start"] for row in history}) <= 169
    assert {row["window"] for row in shares} == set(WINDOWS)


# ---- shifts


def test_what_has_shifted_comes_first_then_what_is_furthest_from_usual(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    names = shift_names(page)
    assert names[:4] == ["Russian", "Chinese open", "Chinese open", "Proprietary, rest of world"]
    assert len(names) == 3 + 5
    assert page.locator(".shift.shifted").count() == 3
    said = plain(page.locator("#shift-list summary").nth(2).inner_text())
    for part in (
        "Shifted",
        "tokens, last 24 h",
        "27.4 %",
        "expected 22.1 %",
        "+5.3 points",
        "z 6.8",
    ):
        assert part in said

    page.locator("#more-shifts").click()
    assert len(shift_names(page)) == 36
    assert view_of(page) == {"shifts": "all"}
    page.locator("#more-shifts").click()
    assert len(shift_names(page)) == 8
    assert page.url == address


def test_a_shift_opens_to_its_movers_which_add_up_to_it(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    page.locator("#shift-list summary").nth(2).click()
    wait_for_movers(page)

    tables = page.locator("#shift-list details[open] .of-movers")
    assert tables.count() == 3
    for table in tables.all():
        shown = [plain(each) for each in table.locator("tr > :last-child").all_inner_texts()[1:]]
        *parts, whole = [float(each) for each in shown]
        assert whole == 5.3
        assert abs(sum(parts) - whole) < 0.005 * len(shown)
    models = tables.first.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in models[:5]] == ["new", "grew", "grew", "gone", "grew"]
    assert models[5].startswith("12 others")
    assert HOSTILE in models[4]
    assert "came or went: +1.91 points" in page.inner_text("#shift-list details[open]")
    assert column(page, "#shift-list details[open]", 1)[6] == "Chinese (Simplified)"
    assert "9f2c1ab04d77e310" in tables.last.inner_text()


def test_a_language_is_taken_apart_by_origin(open_page, address):
    page = open_page(f"{address}#view=shift&dimension=language&key=ru&measure=tokens&window=24h")
    wait_for_movers(page)

    opened = page.inner_text("#shift-list details[open]")
    assert "models are not counted by language" in opened
    assert "Of origins that came or went: ±0.00 points" in opened
    assert "Chinese open" in column(page, "#shift-list details[open]", 1)
    assert page.locator("#shift-list details[open] .of-movers").count() == 2


def test_what_is_left_over_among_origins_is_other(open_page):
    async def moved(asked):
        body = made_up_moved(asked, time.time())
        body["joint"]["movers"][1]["name"] = "other"
        return body

    link = "#view=shift&dimension=language&key=ru&measure=tokens&window=24h"
    with served(dataclasses.replace(made_up_sources(), movers=moved)) as url:
        page = open_page(url + link)
        wait_for_movers(page)

        assert "Other" in column(page, "#shift-list details[open]", 1)


def test_an_opened_shift_is_a_view_and_back_closes_it(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    page.locator("#shift-list summary").nth(1).click()
    wait_for_movers(page)
    assert view_of(page) == {
        "view": "shift",
        "dimension": "origin",
        "key": "cn-open",
        "measure": "tokens",
        "window": "1h",
    }
    assert "in the last 1 h" in plain(page.inner_text("h1"))
    page.locator("#shift-list summary").nth(0).click()
    page.wait_for_selector("#shift-list details[open]:has-text('Russian')")
    until(page, "document.querySelectorAll('#shift-list details[open]').length === 1")

    page.go_back()
    page.wait_for_selector("#shift-list details[open]:has-text('Chinese open')")
    page.go_back()
    page.wait_for_selector("#shift-list details[open]", state="detached")
    assert page.url == address


@pytest.mark.parametrize(
    ("dimension", "key", "measure", "window", "name"),
    [
        ("origin", "cn-open", "tokens", "24h", "Chinese open"),
        ("language", "ko", "requests", "1h", "Korean"),
    ],
    ids=["shifted", "so-quiet-that-it-is-not-listed-at-first"],
)
def test_an_alert_links_to_a_shift(open_page, address, dimension, key, measure, window, name):
    link = f"#view=shift&dimension={dimension}&key={key}&measure={measure}&window={window}"
    page = open_page(address + link)
    wait_for_movers(page)

    item = page.locator("#shift-list details[open]")
    assert f"{measure}, last {windows(window)}" in plain(item.locator("summary").inner_text())
    assert name in item.inner_text()
    assert f"of {measure} in the last {windows(window)}" in plain(page.inner_text("h1"))
    assert page.evaluate("document.activeElement.textContent").startswith(name)
    box = item.locator("summary").bounding_box()
    assert 0 <= box["y"] <= 900


def windows(key):
    return key.replace("h", " h")


def test_an_alert_links_to_the_list_of_shifts(open_page, address):
    page = open_page(f"{address}#shifts")
    wait_for_shifts(page)
    until(page, "document.activeElement.id === 'shifts'")

    assert page.locator("#shifts-heading").bounding_box()["y"] < 900


@pytest.mark.parametrize(
    ("dimension", "key", "name"),
    [
        ("language", "eo", "Esperanto"),
        ("language", "__proto__", "__proto__"),
        ("language", "constructor", "constructor"),
        ("origin", "mars-open", "mars-open"),
    ],
)
def test_a_link_to_a_shift_that_is_over_says_so(open_page, address, dimension, key, name):
    link = f"#view=shift&dimension={dimension}&key={key}&measure=tokens&window=24h"
    page = open_page(address + link)
    page.wait_for_selector("#shift-gone:not([hidden])")

    assert f"{name} has no shift of tokens" in page.inner_text("#shift-gone")
    assert page.locator("#shift-list details[open]").count() == 0


def test_movers_that_cannot_be_found_say_why(open_page):
    async def moved(asked):
        if asked.window == "1h":
            return None
        return made_up_moved(asked, time.time()) | {"tenants": None}

    with served(dataclasses.replace(made_up_sources(), movers=moved)) as url:
        page = open_page(url + SHIFT, expects=("404",))
        wait_for_movers(page)
        assert "requests name none" in page.inner_text("#shift-list details[open]")

        page.locator("#window").get_by_label("1 h").check()

        page.wait_for_selector("#shift-list details[open]:has-text('No shift is known')")


def test_a_mover_that_moved_nothing_neither_grew_nor_has_less_than_nothing(open_page):
    async def moved(asked):
        body = made_up_moved(asked, time.time())
        models = body["models"]
        still = {"name": "still", "kind": "mix", "share": 0.0, "before": -1e-17}
        models["movers"] = [still | {"contribution": 1e-17}]
        return body

    with served(dataclasses.replace(made_up_sources(), movers=moved)) as url:
        page = open_page(url + SHIFT)
        wait_for_movers(page)

        row = page.locator(".of-movers tr:has-text('still')").inner_text()

        assert plain(row).split() == ["still", "stayed", "0.0", "%", "0.0", "%", "±0.00"]


def test_an_opened_shift_that_moves_up_the_list_keeps_the_focus_and_its_movers(open_page):
    calls = itertools.count()

    def shifts():
        body = made_up_shifts(time.time())
        is_more_unusual = next(calls) > 0
        for each in body["shifts"]:
            if is_more_unusual and (each["key"], each["window"]) == ("cn-open", "24h"):
                each["zscore"] *= 3
        return body

    with served(dataclasses.replace(made_up_sources(), shifts=shifts)) as url:
        page = open_page(url + SHIFT)
        wait_for_movers(page)
        assert page.locator("#shift-list > :nth-child(3) > details[open]").count() == 1

        page.wait_for_selector("#shift-list > :first-child > details[open]")

        assert page.evaluate("document.activeElement.closest('details').open")
        assert page.locator("#shift-list details[open] .of-movers").count() == 3


# ---- unknown models, health


def test_unknown_models_are_named_and_stay_text(open_page, address):
    page = open_page(address)

    assert column(page, "#unknown", 1) == ["prod-chat", "openrouter/auto", HOSTILE]
    assert "TOKENSHARE_CATALOG_OVERRIDES" in page.inner_text("#unknown-note")
    assert column(page, "#unknown", 5) == ["no known name"] * 3
    entries = tomllib.loads(page.inner_text("#entries"))["models"]
    assert list(entries) == ["prod-chat", "openrouter/auto", HOSTILE]
    assert page.title() != "broken"


@pytest.mark.parametrize(
    "script", ["", "delete Navigator.prototype.clipboard;"], ids=["https", "http"]
)
def test_the_entries_of_unknown_models_are_copied(open_page, address, script):
    page = open_page(address, script=script, permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy the entries").click()
    page.wait_for_selector("#copied:has-text('Copied')")

    # What was copied is what is pasted.
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").focus()
    page.keyboard.press("Control+V")
    assert list(tomllib.loads(page.locator("textarea").input_value())["models"]) == [
        "prod-chat",
        "openrouter/auto",
        HOSTILE,
    ]


def test_other_languages_come_last_among_the_origins_of_each(open_page):
    windows = made_up_shares(time.time())["windows"]
    for each in windows["24h"]["joint"]:
        if each["language"] == "other":
            each["tokens"] *= 1000
    with served(made_up_sources(windows=windows)) as url:
        page = open_page(url)
        page.locator("#joint > summary").click()
        page.wait_for_selector("#joint tbody tr")

        languages = column(page, "#joint", 1)

        assert languages[-1] == "Other"
        assert languages[0] == "English"


def test_the_pipeline_shows_its_health(open_page, address):
    page = open_page(address)
    page.locator("#partitions summary").click()
    page.locator("#records summary").click()
    page.wait_for_selector("#records tbody tr")

    facts = plain(page.inner_text("#pipeline"))
    assert "Lag\n12" in facts
    assert "Age\n1 s" in facts
    assert "Late\n41" in facts
    assert "Rejected\n3" in facts
    assert column(page, "#partitions", 2) == ["1,234,000", "1,234,001"]
    assert column(page, "#records", 1) == ["counted", "rejected: not_json"]


def test_old_data_is_called_old_by_the_workers_clock(open_page):
    with served(made_up_sources(as_of=1_763_900_000.0, generated_at=1_763_900_600.0)) as url:
        page = open_page(url)

        assert plain(page.inner_text("#status")) == "Live, data is 10 min old"
        assert "Age\n10 min" in plain(page.inner_text("#pipeline"))


def test_a_worker_that_is_not_ready_says_why(open_page):
    with served(made_up_sources(ready=False, reasons=["partition 3 has no owner"])) as url:
        page = open_page(url)

        assert "partition 3 has no owner" in page.inner_text("#banner")
        assert page.get_by_role("alert").is_visible()


def test_silence_is_called_stale_and_an_answer_ends_it(open_page):
    with served(made_up_sources()) as url:
        page = open_page(url)
    port = int(url.rsplit(":", 1)[1].strip("/"))

    page.wait_for_selector("#status.stale:has-text('Stale')")
    assert "These numbers are of" in page.inner_text("#banner")
    assert "cannot be reached" in page.inner_text("#banner")
    with served(made_up_sources(), port):
        page.wait_for_selector("#status.live:has-text('Live')")
        assert page.locator("#banner").is_hidden()


# ---- live


class Changing:
    """Sources whose picture changes when a test says so, and not before."""

    def __init__(self):
        self.picture = 1
        self.sources = dataclasses.replace(
            made_up_sources(),
            shares=lambda dimensions: only(
                dimensions, made_up_shares(time.time()) | {"simulated": self.picture % 2 == 1}
            ),
            moment=lambda: {"as_of": float(self.picture), "generated_at": 1.0, "ready": True},
        )


def test_a_new_snapshot_is_shown_when_the_stream_announces_it(open_page):
    changing = Changing()
    with served(changing.sources) as url:
        page = open_page(url, script=NO_TIMERS)
        assert page.locator("#simulated").is_visible()

        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_a_stream_that_is_refused_is_replaced_by_questions(open_page):
    def refuse(route):
        route.fulfill(status=503)

    changing = Changing()
    with served(changing.sources) as url:
        page = open_page(url, routes={"**/api/v1/events": refuse}, expects=("503",))
        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_a_stream_that_is_held_up_on_its_way_is_replaced_by_questions(open_page):
    changing = Changing()
    with served(changing.sources) as url:
        page = open_page(url, routes={"**/api/v1/events": lambda route: None})
        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_one_question_at_a_time(open_page):
    under_way, most = set(), []

    def asks(request):
        if "/api/" in request.url and not request.url.endswith("/events"):
            under_way.add(request)
            most.append(len(under_way))

    def is_answered(request):
        under_way.discard(request)

    async def history(asked):
        await asyncio.sleep(0.7)
        return made_up_history(asked.dimension, asked.step, asked.start, time.time())

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(url)
        page.on("request", asks)
        page.on("requestfinished", is_answered)
        page.on("requestfailed", is_answered)
        for name in ("Language", "Developer", "Model", "Origin"):
            page.locator("#over").get_by_label(name).check()
        wait_for_shifts(page)
        page.locator("#shift-list summary").first.click()
        deadline = time.monotonic() + 30
        while len(most) <= 8 and time.monotonic() < deadline:
            page.wait_for_timeout(100)

    assert len(most) > 8
    assert max(most) == 1


def test_a_hidden_page_asks_nothing_and_closes_its_stream(open_page, address):
    asked = []
    page = open_page(address, script=RECORDS_STREAMS + CAN_BE_HIDDEN)
    until(page, "streams.at(-1).readyState === EventSource.OPEN")

    page.evaluate("hide(true)")
    # What was asked before is answered first.
    page.wait_for_timeout(1_500)
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5_000)
    assert asked == []
    assert page.evaluate("streams.every(({ readyState }) => readyState === EventSource.CLOSED)")

    page.evaluate("hide(false)")
    until(page, "streams.at(-1).readyState === EventSource.OPEN")
    assert page.evaluate("streams.length") == 2
    assert page.inner_text("#status") == "Live"


def test_what_has_not_changed_is_not_sent_again(open_page):
    statuses = []
    body = made_up_shares(time.time())
    with served(dataclasses.replace(made_up_sources(), shares=lambda _: body)) as url:
        page = open_page(url)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on(
            "Network.responseReceivedExtraInfo", lambda event: statuses.append(event["statusCode"])
        )
        deadline = time.monotonic() + 15
        while 304 not in statuses and time.monotonic() < deadline:
            page.wait_for_timeout(100)

    assert 304 in statuses


# ---- who may ask


def test_a_browser_that_has_the_token_gets_page_files_answers_and_stream(open_page):
    changing = Changing()
    with served(changing.sources, access=Access("s3cret")) as url:
        page = open_page(
            url,
            script=NO_TIMERS + RECORDS_STREAMS,
            http_credentials={"username": "anybody", "password": "s3cret"},
        )
        wait_for_chart(page)
        wait_for_shifts(page)
        until(page, "streams.at(-1).readyState === EventSource.OPEN")

        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_a_token_that_changed_is_asked_for_in_words(open_page, address):
    page = open_page(address, expects=("401",))

    page.route("**/api/v1/shares?*", lambda route: route.fulfill(status=401))

    page.wait_for_selector("#banner:has-text('The worker wants its token')")


def test_whoever_has_not_the_new_token_is_not_asked_for_it_again_and_again(open_page, address):
    page = open_page(address, expects=("401",))
    refused = []

    def refuse(route):
        refused.append(route)
        route.fulfill(status=401)

    page.route("**/api/v1/shares?*", refuse)
    page.wait_for_selector("#banner:has-text('The worker wants its token')")
    page.wait_for_timeout(4_000)

    assert len(refused) == 1


# ---- on every screen, for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
def test_nothing_is_wider_than_the_screen(open_page, address, tmp_path, width, scheme):
    page = open_page(address + SHIFT, width, color_scheme=scheme, reduced_motion="reduce")
    wait_for_chart(page)
    wait_for_movers(page)
    page.screenshot(path=tmp_path / f"page-{width}-{scheme}.png", full_page=True)
    open_everything(page)

    for by, over in (("Language", "Model"), ("Model", "Language")):
        page.locator("#by").get_by_label(by).check()
        page.locator("#over").get_by_label(over).check()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
    assert dark == (scheme == "dark")


def open_everything(page):
    for summary in page.locator("details:not(.shift) > summary").all():
        summary.click()
    page.wait_for_selector("#joint tbody tr")
    page.wait_for_selector("#history-numbers tbody tr")


@pytest.fixture(scope="module")
def found_by_axe():
    """Return what axe-core finds serious or critical, as rule and elements."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()

    def run(page):
        # Injected by the browser's debugger, which a page's policy does not bind.
        found = axe.run(page).response["violations"]
        return {
            each["id"]: [node["target"] for node in each["nodes"]]
            for each in found
            if each["impact"] in ("serious", "critical")
        }

    return run


def test_axe_would_find_a_fault(open_page, address, found_by_axe):
    page = open_page(address)
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")

    assert {"color-contrast", "image-alt"} <= set(found_by_axe(page))


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
)
def test_axe_finds_nothing_serious_with_everything_open(
    open_page, address, found_by_axe, width, scheme
):
    page = open_page(address + SHIFT, width, color_scheme=scheme)
    wait_for_chart(page)
    wait_for_movers(page)
    open_everything(page)

    assert found_by_axe(page) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("quiet", {}),
        ("young", {"unknown": []}),
        ("new", {"windows": no_traffic(), "as_of": 0}),
        ("shifted", {"ready": False, "reasons": ["partition 3 has no owner"]}),
    ],
    ids=["quiet", "young", "empty", "not-ready"],
)
def test_axe_finds_nothing_serious_in_any_state(open_page, found_by_axe, state, changes, scheme):
    with served(made_up_sources(state, **changes)) as url:
        page = open_page(url, color_scheme=scheme)
        wait_for_shifts(page)

        assert found_by_axe(page) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_stale_page(open_page, found_by_axe, scheme):
    with served(made_up_sources()) as url:
        page = open_page(url, color_scheme=scheme)
        wait_for_shifts(page)
    page.wait_for_selector("#status.stale")

    assert found_by_axe(page) == {}


def test_the_page_loads_nothing_from_elsewhere_and_stays_small(open_page, browser, address):
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes, urls, names = {}, [], {}
    session.on(
        "Network.requestWillBeSent",
        lambda event: names.update({event["requestId"]: event["request"]["url"]}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.setdefault(names[event["requestId"]], event["encodedDataLength"]),
    )
    page.on("request", lambda request: urls.append(request.url))

    page.goto(address + SHIFT)
    wait_for_chart(page)
    wait_for_movers(page)
    first = sum(sizes.values())
    for summary in page.locator("summary").all():
        summary.click()
    for label in page.locator(".choice label").all():
        label.click()
    page.wait_for_timeout(1_000)
    context.close()

    assert len(urls) > 20
    assert all(url.startswith((address, "data:", "blob:")) for url in urls)
    assert 100_000 < first < 1_500_000
    parts = ("shares?dimensions=origin,language", "shifts")
    update = sum(sizes[f"{address}api/v1/{name}"] for name in parts)
    assert update < 20_000


def test_every_module_is_asked_for_at_once():
    page = (STATIC / "index.html").read_text()
    modules = {path.name for path in STATIC.glob("*.js")}

    preloaded = set(re.findall(r'rel="modulepreload" href="static/([a-z]+\.js)"', page))

    assert preloaded | {"page.js"} == modules


def test_the_made_up_origins_are_those_of_the_project():
    from streams.classify.origin.values import ORIGINS

    assert list(ORIGIN_SHARES) == list(ORIGINS)
    assert set(STEPS) == {"10s", "5m", "1h", "1d", "1w"}
