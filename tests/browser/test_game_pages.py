"""Keys, analytics, and all of it by the keyboard alone."""

import json
import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opens
from tests.browser.stage import GAME, Site
from tests.e2e.processes import run

_REFUSED_WITHIN_SECONDS = 5

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_key_is_made_works_and_is_revoked(opens: Opens, site: Site) -> None:
    before = _ids(site)
    page = opens(f"/games/{GAME}/keys")
    page.get_by_label("Role").select_option("server")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator(".made code").first.text_content() or ""
    assert key.startswith("lb_server_")
    assert key not in page.url
    assert site.api("GET", "/boards", key=key)[0] == 200
    page.get_by_role("link", name="I have it").click()
    assert key not in page.content(), "it is shown once"
    (made,) = _ids(site) - before
    row = page.locator("tr", has_text=made)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.locator(".badge")).to_have_text("revoked")
    deadline = time.monotonic() + _REFUSED_WITHIN_SECONDS
    while site.api("GET", "/boards", key=key)[0] != 401:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _ids(site: Site) -> set[str]:
    return {key["id"] for key in json.loads(run(site.folder, "keys", "list", GAME, "--json").stdout)}


def test_retention_and_funnels_are_shown(opens: Opens) -> None:
    page = opens(f"/games/{GAME}/analytics/retention")
    table = page.locator("table").first
    expect(table.locator("tbody tr").first).to_be_visible()
    assert re.search(r"\d+(\.\d+)?\s?%", table.inner_text())
    page.goto(f"/games/{GAME}/analytics/funnels/onboarding")
    text = page.locator("main").inner_text()
    assert all(step in text for step in ("signup", "level", "purchase"))
    assert re.search(r"\d+(\.\d+)?\s?%", text)


def _tab_until(page: Page, wanted: str, most: int = 60) -> None:
    for _ in range(most):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{wanted} cannot be reached by the keyboard")


def test_the_keyboard_is_enough(opens: Opens) -> None:
    page = opens(f"/games/{GAME}/boards/daily")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.skip-link')"), "first of all"
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    _tab_until(page, ".table-wrap")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus is seen"
    _tab_until(page, "[data-rows] a")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/players/"))


def test_a_dialog_is_left_by_escape(opens: Opens) -> None:
    page = opens(f"/games/{GAME}/keys")
    _tab_until(page, "[data-confirm] button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null"), "the focus is in it"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.matches('[data-confirm] button')"), "and back where it was"
    expect(page.locator(".badge--good").first).to_be_visible()
