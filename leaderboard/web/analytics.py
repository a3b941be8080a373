"""What players do: events over time, counters, who plays, who comes back."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from leaderboard.errors import InvalidInput
from leaderboard.stats.ranges import STEPS
from leaderboard.stats.tables import as_csv, rows
from leaderboard.web.analysis import events, overview, retention
from leaderboard.web.analysis.page import analytics_page, range_values
from leaderboard.web.analysis.ranges import PRESETS, label, read_asked
from leaderboard.web.chartkit.axis import full, rounded
from leaderboard.web.finding import require_game
from leaderboard.web.guard import signed_in
from leaderboard.web.paging import Page, page_number
from leaderboard.web.rendering import services

blueprint = Blueprint("analytics_pages", __name__, url_prefix="/games/<game>/analytics")


@blueprint.get("")
@signed_in("viewer")
def show(game: str) -> ResponseReturnValue:
    """All events with today's figures, and who played in the last days."""
    require_game(game)
    wired, words = services(), request.args.get("q", "").strip()
    known = wired.stats.names(game)
    page = overview.events_page(wired, game, known, words, page_number(request.args))
    values: dict[str, Any] = {"days": [], "problem": ""}
    if known:
        try:
            values["days"] = overview.recent_players(wired, game)
        except InvalidInput as error:  # days that are not kept any more
            values["problem"] = error.detail
    return analytics_page(
        "overview",
        game,
        page=page,
        words=words,
        has_events=bool(known),
        today=values["days"][-1] if values["days"] else None,
        chart=overview.players_chart(values["days"]) if values["days"] else "",
        problem=values["problem"],
        **_links(game, "show", page, words),
    )


@blueprint.get("/counters")
@signed_in("viewer")
def counters(game: str) -> ResponseReturnValue:
    """All counters and what they hold."""
    require_game(game)
    found, words = services().counters.all(game), request.args.get("q", "").strip()
    page = overview.counters_page(found, words, page_number(request.args))
    links = _links(game, "counters", page, words)
    return analytics_page("counters", game, page=page, words=words, has_counters=bool(found), **links)


@blueprint.get("/events/<name>")
@signed_in("viewer")
def event(game: str, name: str) -> ResponseReturnValue:
    """One event over time, as charts or as a file."""
    require_game(game)
    wired, given = services(), request.args
    asked = read_asked(given, wired.calendar_of(game), wired.clock(), presets=tuple(PRESETS))
    chosen = events.read_chosen(given.getlist("by"), given.get("where", ""), given.get("value", ""))
    known = wired.stats.names(game)
    reading = events.read_event(wired, game, name, asked, chosen)
    if reading is not None and given.get("format") == "csv":
        return _file(name, as_csv(rows(reading, asked.steps, chosen.by), chosen.by))
    extra: dict[str, Any] = {
        "by": chosen.by,
        "where": chosen.where or None,
        "value": chosen.value if chosen.where else None,
    }
    page = analytics_page(
        "event",
        game,
        name=name,
        chosen=chosen,
        where_options=_and(known.get(name, []), [chosen.where]),
        by_options=_and(known.get(name, []), chosen.by),
        full=full,
        rounded=rounded,
        steps=STEPS,
        shown=events.shown(name, reading, asked, chosen) if reading else None,
        file_url=url_for(".event", game=game, name=name, **{**asked.query(), **extra, "format": "csv"}),
        **range_values(asked, ".event", {"game": game, "name": name}, **extra),
    )
    return page, 200 if reading else 422


@blueprint.get("/active")
@signed_in("viewer")
def active(game: str) -> ResponseReturnValue:
    """How many played, by day, week and month."""
    require_game(game)
    wired = services()
    now, calendar = wired.clock(), wired.calendar_of(game)
    asked, days = read_asked(request.args, calendar, now), []
    try:
        days = wired.activity.active(game, asked.steps, now, calendar) if asked.found else []
    except InvalidInput as error:
        asked.refuse(error)
    page = analytics_page(
        "active",
        game,
        days=[(label(one.day), one) for one in reversed(days)],
        has_players=any(one.dau or one.mau for one in days),
        charts=[overview.players_chart(days), overview.stickiness_chart(days)] if days else [],
        **range_values(asked, ".active", {"game": game}),
    )
    return page, 422 if asked.errors else 200


@blueprint.get("/retention")
@signed_in("viewer")
def show_retention(game: str) -> ResponseReturnValue:
    """How many of those who were new on a day came back so many days after."""
    require_game(game)
    wired, typed = services(), request.args.get("days", retention.USUAL)
    now, calendar = wired.clock(), wired.calendar_of(game)
    asked = read_asked(request.args, calendar, now, most=retention.MOST_DAYS)
    offsets: list[int] = []
    cohorts = []
    try:
        offsets = retention.read_offsets(typed)
        if asked.found:
            cohorts = wired.activity.retention(game, asked.steps, offsets, now, calendar)
    except InvalidInput as error:
        asked.refuse(error)
    except ValueError as error:
        asked.errors["days"] = [str(error)]
    page = analytics_page(
        "retention",
        game,
        typed=typed,
        offsets=offsets,
        rows=retention.rows_of(cohorts, offsets),
        overall=retention.overall(cohorts, offsets),
        size=sum(one.size for one in cohorts),
        **range_values(asked, ".show_retention", {"game": game}, days=typed),
    )
    return page, 422 if asked.errors else 200


def _and(known: list[str], asked: list[str]) -> list[str]:
    """What there is to choose from, with what was asked for that there is not."""
    return [*known, *(one for one in asked if one and one not in known)]


def _links(game: str, endpoint: str, page: Page[Any], words: str) -> dict[str, str]:
    """Addresses of the pages before and after."""
    found = {}
    for name, number in (("next_url", page.next), ("previous_url", page.previous)):
        found[name] = url_for(f".{endpoint}", game=game, q=words or None, page=number) if number else ""
    return found


def _file(name: str, data: bytes) -> Response:
    # Names of events have nothing in them that a header would have to escape; a colon is no part of a file's name.
    headers = {"Content-Disposition": f'attachment; filename="{name.replace(":", "_")}.csv"'}
    return Response(data, content_type="text/csv; charset=utf-8", headers=headers)
