"""Every page there is: accessible in both themes, quiet on the console, and as wide as a phone."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page

from leaderboard.app import create_app
from leaderboard.config import Settings
from tests.browser.chromium import PHONE
from tests.browser.conftest import Opens
from tests.browser.stage import PAGES, SIGNED_IN

_WRONG = ("serious", "critical")
# No pages, though somebody may GET them: parts that scripts fetch, streams, files, what is for machines, and the
# documentation's own files.
_NO_PAGES = ("/v1/", "/static/", "/docs", "/openapi.json", "/metrics", "/healthz", "/readyz")
_PARTS = ("/stream", "/operations/parts", "/table")
_ONCE = ("/signin/link/<token>",)  # `test_signing_in` goes there

pytestmark = [pytest.mark.browser, pytest.mark.long]


def _faults(page: Page) -> list[Any]:
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in _WRONG
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(opens: Opens, name: str) -> None:
    page = opens(PAGES[name], signed_in=name in SIGNED_IN)
    assert page.locator("main").count() == 1
    assert page.locator("h1").count() == 1
    assert urlsplit(page.url).path == urlsplit(PAGES[name]).path, "it is the page that was asked for"
    assert _faults(page) == [], "light"
    page.emulate_media(color_scheme="dark")
    assert _faults(page) == [], "dark"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], _widest(page)


def _widest(page: Page) -> Any:
    """What sticks out, for whoever reads that the test failed."""
    return page.evaluate(
        """width => [...document.querySelectorAll("body *")]
            .filter(one => one.getBoundingClientRect().right > width && !one.parentElement.closest(".table-wrap, pre"))
            .slice(0, 5).map(one => `${one.getBoundingClientRect().right}: ${one.outerHTML.slice(0, 150)}`)""",
        PHONE["width"],
    )


@pytest.mark.parametrize("path", ["/games/nope", "/games/arcade/boards/nope", "/b/arcade/scores", "/nowhere"])
def test_what_is_not_there_has_a_page_too(opens: Opens, watch: Any, path: str) -> None:
    watch.expected.append("404")
    page = opens(path)
    assert page.locator("h1").count() == 1
    assert _faults(page) == []


def test_every_route_is_visited() -> None:
    app: Flask = create_app(Settings(redis_url="memory", database_url="sqlite://"))
    adapter = app.url_map.bind("localhost")
    visited = {adapter.match(path.split("?")[0])[0] for path in PAGES.values()}
    pages = {
        rule.endpoint: rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.rule.startswith(_NO_PAGES)
        and not rule.rule.endswith(_PARTS)
        and rule.rule not in _ONCE
    }
    app.extensions["leaderboard"].close()
    assert len(pages) > 5
    assert {rule for endpoint, rule in pages.items() if endpoint not in visited} == set()
