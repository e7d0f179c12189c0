"""The page on every screen: nothing too wide, and nothing serious for axe-core."""

from __future__ import annotations

import pytest
from made_up import made_up_sources, no_traffic, served
from page_driver import SHIFT, open_everything, wait_for_chart, wait_for_movers, wait_for_shifts

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
def test_nothing_is_wider_than_the_screen(open_page, address, width, scheme):
    page = open_page(address + SHIFT, width, color_scheme=scheme, reduced_motion="reduce")
    wait_for_chart(page)
    wait_for_movers(page)
    open_everything(page)

    page.locator("#against").get_by_label("Before").check()
    page.wait_for_selector("#compared tbody tr")
    for by, over in (("Language", "Model"), ("Model", "Language"), ("Tenant", "Tenant")):
        page.locator("#by").get_by_label(by).check()
        page.locator("#over").get_by_label(over).check()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
    assert dark == (scheme == "dark")


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
    "fragment",
    ["against=before&by=tenant&over=tenant&range=24h", "against=year&tenant=74e4dbdb632baffb"],
)
def test_axe_finds_nothing_serious_in_a_comparison_or_a_part(
    open_page, address, found_by_axe, fragment, scheme
):
    page = open_page(f"{address}#{fragment}", color_scheme=scheme)
    wait_for_chart(page)
    page.wait_for_selector("#against-note:not(:empty)")

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
