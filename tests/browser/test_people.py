"""The dashboard as its users see it: with ten minutes, with a race on, without scripts, with a pager, on a stream."""

import json
import re
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import PHONE, Watch
from tests.browser.conftest import Opens
from tests.browser.stage import BOARD, GAME, NAME, PASSWORD, Site

_LONG = "a" * 128
_NAMES = ["ada", _LONG, "שלום עולם", "🏎️ racer 🏁", "two  spaces", *(f"runner {number}" for number in range(20))]
_NOTES = """() => {
  window.said = [];
  for (const one of document.querySelectorAll("[aria-live], [role=status], [role=alert]")) {
    new MutationObserver(() => said.push(one.textContent.trim()))
      .observe(one, { childList: true, characterData: true, subtree: true });
  }
}"""

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def race(site: Site) -> str:
    """A public board with long names and large scores, whose scores go up and down."""
    definition = {"periods": ["day", "all"], "public": True, "operator": "last", "time_zone": "Europe/Vienna"}
    site.do("PUT", "/boards/race", definition)
    for place, player in enumerate(_NAMES):
        site.submit(player, 999_999_999_999_999 - 10 * place, "race")
    return "race"


@pytest.fixture
def path(race: str) -> str:
    return f"/games/{GAME}/boards/{race}"


def _live(page: Page) -> None:
    expect(page.locator("[data-stream]")).to_have_attribute("data-state", "live")


@contextmanager
def _scores_come(site: Site, board: str, score: Callable[[int], tuple[str, int]]) -> Iterator[None]:
    """Some twenty submissions a second, until the end of the block."""
    ended = threading.Event()

    def submit() -> None:
        number = 0
        while not ended.wait(0.05):
            site.submit(*score(number), board)
            number += 1

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


# A developer with ten minutes


def _send(site: Site, line: str, key: str) -> Any:
    """What a line of curl on a page does, done here."""
    words = shlex.split(line.replace("\\\n", " ").replace("$LEADERBOARD_KEY", key))
    assert words.pop(0) == "curl"
    given: dict[str, list[str]] = {}
    url = ""
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            given.setdefault(word, []).append(words.pop(0))
        else:
            url = word
    assert url.startswith(site.url)
    head = dict(one.split(": ", 1) for one in given["-H"])
    body = given["-d"][0].encode() if "-d" in given else None
    with urlopen(Request(url, body, head), timeout=20) as answer:
        return json.loads(answer.read())


def test_the_lines_of_an_empty_board_bring_its_first_row(opens: Opens, site: Site) -> None:
    page = opens(f"/games/{GAME}/boards/new")
    page.get_by_label("Name", exact=True).fill("first-steps")
    page.get_by_role("button", name="Make the board").click()
    _live(page)
    expect(page.get_by_role("table")).to_have_count(0)  # a head without rows tells nobody anything
    line = page.locator(".empty pre").inner_text()
    page.get_by_role("link", name="make one").click()
    page.get_by_role("button", name="Make the key").click()
    key = page.locator(".made code").first.inner_text()
    lines = page.locator(".made pre").all_inner_texts()
    assert all(_send(site, one, key) for one in lines)
    watching = opens(f"/games/{GAME}/boards/first-steps")
    _live(watching)
    assert _send(site, line, key)["updated"] is True
    expect(watching.locator("[data-rows] tr")).to_have_count(1)
    expect(watching.locator(".empty")).to_be_hidden()
    site.do("DELETE", "/boards/first-steps")


# A community manager with a race on


def test_arrows_are_told_to_those_who_do_not_see_them(opens: Opens, site: Site, path: str) -> None:
    page = opens(path)
    _live(page)
    row = page.locator('tr[data-player="runner 3"]')
    before = int(row.locator(".board__rank").inner_text())
    site.submit("runner 3", 999_999_999_999_999 + 1, "race")
    expect(row.locator(".board__rank")).to_have_text("1")
    told = row.locator(".board__move .visually-hidden")
    expect(told).to_have_text(f"up {before - 1}")
    assert row.locator(".board__move [aria-hidden=true]").inner_text() == f"▲ {before - 1}"
    expect(page.locator('tr[data-player="ada"] .board__move .visually-hidden')).to_have_text("down 1")


def test_a_race_does_not_drown_who_listens(opens: Opens, site: Site, path: str) -> None:
    page = opens(path)
    _live(page)
    page.evaluate(_NOTES)
    before = page.locator("[data-rows] tr .board__score").all_inner_texts()
    with _scores_come(site, "race", lambda number: (f"runner {number % 20}", 10**14 + number)):
        page.wait_for_timeout(2500)
    assert page.locator("[data-rows] tr .board__score").all_inner_texts() != before
    assert page.evaluate("said") == []


def test_who_is_overtaken_all_the_time_is_told_now_and_then(opens: Opens, site: Site, path: str) -> None:
    site.submit("ada", 5 * 10**14, "race")
    page = opens(f"{path}?player=ada")
    _live(page)
    page.evaluate(_NOTES)
    with _scores_come(site, "race", lambda number: (f"runner {number % 20}", 6 * 10**14 + number)):
        page.wait_for_timeout(3000)
    (news,) = page.evaluate("said")
    assert re.match(r"ada was overtaken by runner \d+", news)


def test_the_rows_around_a_player_follow(opens: Opens, site: Site) -> None:
    page = opens(f"/games/{GAME}/boards/{BOARD}?player=player 30")
    _live(page)
    wanted = page.locator("tr.is-wanted")
    assert wanted.locator(".board__rank").inner_text() != "1"
    wanted.locator("a").focus()
    site.submit("player 30", 5_000)
    expect(page.locator("[data-live-standing-rank]")).to_have_text("1")
    expect(wanted.locator(".board__rank")).to_have_text("1", timeout=10_000)
    expect(wanted.locator(".board__score")).to_have_text("5000")
    assert page.evaluate("document.activeElement.closest('tr').dataset.player") == "player 30"


def test_whose_days_they_are_is_told(opens: Opens, path: str) -> None:
    page = opens(f"{path}?period=day")
    expect(page.locator("main")).to_contain_text("(days of Europe/Vienna)")
    page.goto(f"{path}/history?period=day")
    expect(page.locator("main")).to_contain_text("the days of Europe/Vienna; times are UTC")
    page.goto(f"/games/{GAME}/boards/{BOARD}?period=day")
    assert "days of" not in page.locator("main").inner_text()


def test_a_stream_that_is_cut_is_told_and_comes_back(opens: Opens, site: Site, path: str, watch: Watch) -> None:
    watch.expected.append("ERR_")
    page = opens("/")
    page.context.route("**/stream?*", lambda route: route.abort())
    page.goto(path)
    state = page.locator("[data-live-state]")
    expect(state).to_contain_text("Reconnecting")
    assert state.get_attribute("role") == "status"
    rows = page.locator("[data-rows] tr")
    assert rows.count() == len(_NAMES)
    site.submit("runner 7", 999_999_999_999_990, "race")
    page.context.unroute("**/stream?*")
    expect(state).to_have_text("Live", timeout=30_000)
    expect(page.locator('tr[data-player="runner 7"] .board__score')).to_have_text("999999999999990")


def test_who_is_signed_out_is_told_so(opens: Opens, site: Site, path: str, watch: Watch) -> None:
    watch.expected.append("401")
    page = opens(site.link(), signed_in=False)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    page.goto(path)
    _live(page)
    other = page.context.new_page()
    other.goto("/operations")
    leaving = page.context.new_page()
    leaving.goto("/account")
    leaving.get_by_role("button", name="Sign out").click()
    expect(page.locator("[data-live-state]")).to_contain_text("You are signed out", timeout=45_000)
    expect(other.locator("[data-said]")).to_contain_text("you are signed out", timeout=45_000)


# An operator with a pager


def test_figures_that_are_old_say_so(opens: Opens, watch: Watch) -> None:
    watch.expected.append("ERR_")
    page = opens("/operations")
    said = page.locator("[data-said]")
    expect(said).to_have_text("kept up to date")
    page.context.route("**/operations/parts", lambda route: route.abort())
    expect(said).to_contain_text("does not answer", timeout=15_000)
    page.context.unroute("**/operations/parts")
    expect(said).to_have_text("kept up to date", timeout=30_000)
    page.get_by_role("button", name="Pause").click()
    expect(said).to_have_text("paused")
    page.get_by_role("button", name="Go on").click()
    expect(said).to_have_text("kept up to date")


def test_what_stays_is_not_put_in_again(opens: Opens) -> None:
    page = opens("/operations")
    page.evaluate("document.querySelector('#jobs h2').wasHere = true")
    with page.expect_response("**/operations/parts", timeout=15_000):
        pass
    with page.expect_response("**/operations/parts", timeout=15_000):
        pass
    assert page.evaluate("document.querySelector('#jobs h2').wasHere") is True


# A streamer


@pytest.mark.parametrize("width", [320, 360, 480, 1280, 1920])
def test_an_overlay_has_room_for_anything(opens: Opens, site: Site, race: str, width: int) -> None:
    site.submit(_LONG, 10**15, "race")
    page = opens(f"/b/{GAME}/{race}/embed?overlay=1&limit=5", signed_in=False, viewport={"width": width, "height": 400})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    scores = page.locator("[data-rows] .board__score").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().right)"
    )
    assert len(scores) == 5
    assert max(scores) <= width
    name = page.locator("[data-rows] .board__player").first
    height, line = name.evaluate("one => [one.clientHeight, parseFloat(getComputedStyle(one).lineHeight)]")
    assert height < 2.2 * line, "a name has one line"
    assert name.inner_text() == _LONG, "and is whole for those who have it read out"


@pytest.mark.parametrize("width", [320, 360])
def test_large_scores_are_whole_in_a_frame_of_a_phone(opens: Opens, race: str, width: int) -> None:
    page = opens(f"/b/{GAME}/{race}/embed?limit=5", signed_in=False, viewport={"width": width, "height": 400})
    wide, seen = page.locator(".table-wrap").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert wide <= seen


# Somebody on a phone, or with other needs


def test_the_head_takes_two_rows_on_a_phone(opens: Opens) -> None:
    page = opens("/", viewport=PHONE)
    tops = page.locator(".brand, .nav, .top__end").evaluate_all("all => all.map(one => one.getBoundingClientRect())")
    brand, nav, end = tops
    assert end["top"] < brand["bottom"]
    assert nav["top"] >= end["bottom"]
    assert page.locator(".top").evaluate("one => one.clientHeight") < 100
    assert page.get_by_role("link", name="Leaderboard").count() == 1, "its name is there for those who have it read out"


@pytest.mark.parametrize("path", ["/", f"/games/{GAME}/boards/{BOARD}", "/operations", f"/games/{GAME}/analytics"])
def test_a_page_twice_as_large_has_no_sideways_way(opens: Opens, path: str) -> None:
    page = opens(path, viewport={"width": 640, "height": 450}, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_nothing_moves_for_who_wants_no_motion(opens: Opens, site: Site, path: str) -> None:
    page = opens(path, reduced_motion="reduce")
    _live(page)
    site.submit("runner 9", 999_999_999_999_993, "race")
    row = page.locator('tr[data-player="runner 9"].is-moved td').first
    expect(row).to_be_visible()
    assert row.evaluate("one => getComputedStyle(one).animationName") == "none"


def test_where_one_is_shows_in_forced_colours(opens: Opens) -> None:
    page = opens(f"/games/{GAME}/boards/{BOARD}", forced_colors="active")
    colours = (
        page.locator(".tabs")
        .first.locator("a")
        .evaluate_all("all => all.map(one => getComputedStyle(one).borderBottomColor)")
    )
    assert len(set(colours[1:])) == 1
    assert colours[0] != colours[1]


# Without scripts


def test_it_goes_without_scripts(opens: Opens, site: Site, watch: Watch) -> None:
    watch.expected.append("422")
    page = opens("/signin", signed_in=False, java_script_enabled=False)
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=GAME, exact=True).click()
    page.get_by_role("link", name="New board").click()
    page.get_by_label("Name", exact=True).fill("unscripted")
    page.get_by_role("button", name="Make the board").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("unscripted")
    site.submit("ada", 1, "unscripted")
    page.reload()
    expect(page.locator("[data-rows] tr")).to_have_count(1)
    page.get_by_role("link", name="Settings").click()
    remove = page.get_by_role("button", name="Remove the board and its scores")
    page.get_by_label("Type unscripted to confirm").fill("unscript")
    remove.click()
    expect(page.locator(".field__error")).to_contain_text("Nothing is removed")
    assert site.api("GET", "/boards/unscripted")[0] == 200
    page.get_by_label("Type unscripted to confirm").fill("unscripted")
    remove.click()
    expect(page.get_by_role("status")).to_contain_text("Board unscripted and all its scores are removed.")
    assert site.api("GET", "/boards/unscripted")[0] == 404


def test_a_box_is_ticked_where_no_dialog_asks(opens: Opens) -> None:
    page = opens(f"/games/{GAME}/keys", java_script_enabled=False)
    page.get_by_label("Role").select_option("client")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("link", name="I have it").click()
    row = page.locator("tr", has_text="client").filter(has=page.locator(".badge--good")).first
    made = row.locator("code").inner_text()
    row = page.locator("tr", has_text=made)
    row.get_by_role("button", name="Revoke").click()  # the browser asks for the box
    expect(row.locator(".badge")).to_have_text("in use")
    row.get_by_role("checkbox").check()
    row.get_by_role("button", name="Revoke").click()
    expect(row.locator(".badge")).to_have_text("revoked")


def test_the_dialog_asks_each_time(opens: Opens) -> None:
    page = opens(f"/accounts/{NAME}")
    began = time.monotonic()
    for _ in range(2):
        page.get_by_role("button", name="End all").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.locator("[data-confirm] input").first.is_checked() is False
    assert time.monotonic() - began < 20
