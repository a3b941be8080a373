"""What the pages weigh in a browser that has nothing of them yet, and how long until the first row of a table is seen.

One worker, the embedded store. Time counts from the start of the navigation to the first frame after the first row is
there, and never less than the first contentful paint; the service is warm, the browser's cache is empty each time.
Streams, which do not end, are not weighed.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response

from benchlib import machine
from benchlib.service import BOARD, GAME, Service, ServiceError, running
from tests.browser import chromium

_PLAYERS = 1000
_BULK = 500
_WARM = 3
_SLOWER = 4
_MILLISECONDS = 30_000
_INSIDE = {"home": "/", "board": f"/games/{GAME}/boards/{BOARD}"}
_OUTSIDE = {"sign-in": "/signin", "public page": f"/b/{GAME}/{BOARD}", "embed": f"/b/{GAME}/{BOARD}/embed"}
_WITH_TABLE = ("board", "public page", "embed")
# A frame is asked for when the row is there; the one after it begins when that has been painted.
_WATCHER = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-rows] tr")) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.rowSeen = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""
_SEEN = """() => {
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return window.rowSeen && paint ? Math.max(window.rowSeen, paint.startTime) : null;
}"""


def main(args: Sequence[str] | None = None) -> int:
    """Exit status 1 where there is no Chromium, or a page could not be had."""
    parser = argparse.ArgumentParser(prog="bench-pages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of which the median counts (5)")
    options = parser.parse_args(args)
    path = chromium.find()
    if path is None:
        print("Chromium is needed, and there is none on the PATH.", file=sys.stderr)
        return 1
    for warning in machine.unrest():
        print(f"NOT A QUIET MACHINE: {warning}")
    try:
        with running(1, {}) as service, chromium.running(path) as browser:
            _fill(service)
            _measure(browser, service, max(1, options.rounds))
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _fill(service: Service) -> None:
    service.call("PUT", f"/boards/{BOARD}", {"periods": ["all", "day"], "public": True})
    for start in range(0, _PLAYERS, _BULK):
        scores = [
            {"board": BOARD, "player": f"player {place}", "score": 10 * place}
            for place in range(start, start + _BULK)
        ]  # fmt: skip
        service.call("POST", "/scores", {"scores": scores})


def _measure(browser: Browser, service: Service, rounds: int) -> None:
    url = f"http://{service.host}:{service.port}"
    state = _signed_in(browser, service, url)
    pages = {name: (path, state if name in _INSIDE else None) for name, path in {**_OUTSIDE, **_INSIDE}.items()}
    for path, own in list(pages.values()) * _WARM:
        _Visit(browser, url, own).weigh(path)
    print("| page | HTML | as sent | with its files | as sent |")
    print("|---|---|---|---|---|")
    for name, (path, own) in pages.items():
        html, files = _Visit(browser, url, own).weigh(path)
        both = [html[0] + sum(plain for plain, _ in files), html[1] + sum(sent for _, sent in files)]
        print(f"| {name} | " + " | ".join(f"{number:,}" for number in (*html, *both)) + " |")
    print("\n| until the first row is seen, ms | desktop | processor 4 times slower |")
    print("|---|---|---|")
    for name in _WITH_TABLE:
        path, own = pages[name]
        shown = []
        for slower in (1, _SLOWER):
            times = sorted(_Visit(browser, url, own).milliseconds(path, slower) for _ in range(rounds))
            shown.append(f"{statistics.median(times):.0f} ({times[0]:.0f} to {times[-1]:.0f})")
        print(f"| {name} | " + " | ".join(shown) + " |")


def _signed_in(browser: Browser, service: Service, url: str) -> Any:
    """What a browser keeps that has signed in."""
    data = Path(service.socket).parents[1]  # <data>/store/<socket>
    command = [str(Path(sys.executable).with_name("leaderboard")), "signin", "--url", url, "--data-dir", str(data)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise ServiceError(f"There is no link to sign in by:\n{said.stderr}")
    context = browser.new_context()
    page = context.new_page()
    page.goto(said.stdout.split()[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
    state = context.storage_state()
    context.close()
    return state


class _Visit:
    """One visit by a browser that has no files of the site yet."""

    def __init__(self, browser: Browser, url: str, state: Any) -> None:
        self._context = browser.new_context(base_url=url, viewport=chromium.DESKTOP, storage_state=state)  # type: ignore[arg-type] # two literal keys

    def weigh(self, path: str) -> tuple[tuple[int, int], list[tuple[int, int]]]:
        """Bytes of the page and of each of its files: as they are, and as they were sent. Raises ServiceError."""
        answers: list[Response] = []
        page = self._context.new_page()
        page.on("response", lambda one: answers.append(one) if one.request.resource_type != "eventsource" else None)
        self._go(page, path)
        page.wait_for_timeout(100)  # the icon comes last
        sizes = [(len(one.body()), one.request.sizes()["responseBodySize"]) for one in answers]
        self._context.close()
        return sizes[0], sizes[1:]

    def milliseconds(self, path: str, slower: int) -> float:
        """Until the first row is seen, by a processor so many times slower. Raises ServiceError."""
        page = self._context.new_page()
        if slower > 1:
            session = self._context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.add_init_script(_WATCHER)
        self._go(page, path)
        found = page.wait_for_function(_SEEN, timeout=_MILLISECONDS).json_value()
        self._context.close()
        return float(found)

    @staticmethod
    def _go(page: Page, path: str) -> None:
        answer = page.goto(path)
        if answer is None or not answer.ok:
            raise ServiceError(f"{path} is answered {answer.status if answer else 'nothing'}.")


if __name__ == "__main__":
    sys.exit(main())
