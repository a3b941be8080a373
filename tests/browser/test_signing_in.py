"""Signing in as a person does, and what the account sees."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Watch
from tests.browser.conftest import Opens
from tests.browser.stage import NAME, PASSWORD, Site

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_link_signs_in_once(opens: Opens, site: Site, watch: Watch) -> None:
    link = site.link()
    page = opens(link, signed_in=False)
    page.reload()  # looking at it uses nothing up
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Games")
    expect(page.locator(".top__account")).to_have_text("operator")
    watch.expected.append("410")
    again = opens(link, signed_in=False)
    expect(again.get_by_role("button", name=re.compile("^Sign in"))).to_have_count(0)


def test_a_password_signs_in_and_goes_where_one_wanted(opens: Opens, site: Site, watch: Watch) -> None:
    page = opens("/games/arcade", signed_in=False)
    expect(page).to_have_url(re.compile(r"/signin\?next="))
    watch.expected.append("422")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill("wrong " + PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/games/arcade")
    cookies = {one["name"]: one for one in page.context.cookies()}
    assert cookies["leaderboard_session"]["httpOnly"]
    assert cookies["leaderboard_session"]["sameSite"] == "Lax"
    page.get_by_role("button", name="Sign out").click()
    page.goto("/games/arcade")
    expect(page).to_have_url(re.compile("/signin"))


def test_a_theme_is_kept(opens: Opens) -> None:
    page = opens("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Colours").last.select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto("/account")
    assert page.locator("html").get_attribute("data-theme") == "dark", "the server knows it, so nothing flashes"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.get_by_label("Colours").last.select_option("")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
