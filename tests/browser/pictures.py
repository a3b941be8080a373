"""Takes the pictures of `scripts/screenshots`."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.stage import PAGES, SIGNED_IN, Site, open_site

_KINDS: dict[str, dict[str, Any]] = {
    "light": {"viewport": chromium.DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": chromium.DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": chromium.PHONE, "color_scheme": "light", "device_scale_factor": 2, "is_mobile": True},
}
_USAGE = "usage: scripts/screenshots OUT_DIR [PAGE ...]\npages: " + " ".join(PAGES)


def main(args: Sequence[str]) -> int:
    """The exit status; 1 where a page could not be had, 2 for a wrong call."""
    path = chromium.find()
    if not args or args[0].startswith("-") or set(args[1:]) - set(PAGES):
        click.echo(_USAGE, err=True)
        return 2
    if path is None:
        click.echo("Chromium is needed, and there is none on the PATH.", err=True)
        return 1
    folder = Path(args[0])
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    with (
        tempfile.TemporaryDirectory(prefix="leaderboard-pictures-") as data,
        open_site(Path(data)) as site,
        chromium.running(path) as browser,
    ):
        for file, status in _take(browser, site, folder, args[1:] or list(PAGES)):
            click.echo(file if status < 400 else f"{file}: status {status}")
            failed += status >= 400
    return 1 if failed else 0


def _take(browser: Browser, site: Site, folder: Path, names: Sequence[str]) -> Iterator[tuple[Path, int]]:
    state = _admission(browser, site)
    for kind, options in _KINDS.items():
        inside = browser.new_context(base_url=site.url, storage_state=state, **options)
        outside = browser.new_context(base_url=site.url, **options)
        for name in names:
            page = (inside if name in SIGNED_IN else outside).new_page()
            answer = page.goto(PAGES[name])
            file = folder / f"{name}-{kind}.png"
            if page.locator("[data-live-state]:visible").count():
                page.get_by_text("Live", exact=True).wait_for()
            page.wait_for_timeout(300)  # until a stream has said what it has to say
            page.screenshot(path=file, full_page=True)
            page.close()
            yield file, answer.status if answer else 500
        inside.close()
        outside.close()


def _admission(browser: Browser, site: Site) -> Any:
    """What a browser keeps that has signed in."""
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.goto(site.link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    state = context.storage_state()
    context.close()
    return state
