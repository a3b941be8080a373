"""The system's Chromium, and what a page says while somebody looks at it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

_NAMES = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


def find() -> str | None:
    """Where it is."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def running(path: str) -> Iterator[Browser]:
    """One, until the end of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """Errors of a page: of its scripts, on its console (breaches of its CSP among them), and of its server."""

    found: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)  # parts of those that a test is about

    def over(self, page: Page) -> Page:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("response", lambda one: self.found.append(f"{one.status} {one.url}") if one.status >= 500 else None)
        return page

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self.found if not any(part in one for part in self.expected)]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            where: Any = message.location or {}
            self.found.append(f"{message.type}: {message.text} ({where.get('url', '')})")
