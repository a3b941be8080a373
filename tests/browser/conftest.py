"""The browser tests: a real browser on a real service. They need Chromium; where it must not be missing, CI is set."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.browser.chromium import Watch
from tests.browser.stage import Site, open_site

Opens = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Of this package alone: while Playwright runs, nothing else in this process can have an event loop of its own.
    path = chromium.find()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium")
        pytest.skip("no Chromium on this machine")
    with chromium.running(path) as found:
        yield found


@pytest.fixture(scope="package")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Such a service, for all browser tests together."""
    with open_site(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture(scope="package")
def admitted(browser: Browser, site: Site) -> Any:
    """What a browser keeps that has signed in."""
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.goto(site.link("--as", "grace"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Every test has it: at its end there must be no error but those that it is about."""
    found = Watch()
    yield found
    assert found.unexpected == []


@pytest.fixture
def opens(browser: Browser, site: Site, watch: Watch, request: pytest.FixtureRequest) -> Iterator[Opens]:
    """Opens a page in a browser of its own, signed in or not."""
    contexts = []

    def make(path: str, *, signed_in: bool = True, **options: Any) -> Page:
        if signed_in:
            options["storage_state"] = request.getfixturevalue("admitted")
        context = browser.new_context(base_url=site.url, viewport=options.pop("viewport", chromium.DESKTOP), **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = watch.over(context.new_page())
        page.goto(path)
        return page

    yield make
    for context in contexts:
        context.close()
