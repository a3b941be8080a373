"""Pages of funnels: how far players come, what is declared, what is removed."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from leaderboard.errors import InvalidInput, NotFound
from leaderboard.stats.funnels.reading import FunnelReading
from leaderboard.web.analysis import funnels as model
from leaderboard.web.analysis.funnels import FunnelForm
from leaderboard.web.analysis.page import analytics_page, range_values
from leaderboard.web.analysis.ranges import Asked, read_asked
from leaderboard.web.finding import require_game
from leaderboard.web.guard import signed_in
from leaderboard.web.rendering import services

blueprint = Blueprint("funnel_pages", __name__, url_prefix="/games/<game>/analytics")


@blueprint.get("/funnels")
@signed_in("viewer")
def show_all(game: str) -> ResponseReturnValue:
    """All funnels, with how far players came lately."""
    require_game(game)
    return _all_page(game, FunnelForm())


@blueprint.post("/funnels")
@signed_in("editor")
def declare(game: str) -> ResponseReturnValue:
    """Declares a funnel, or shows what is wrong with it."""
    require_game(game)
    form, wired = FunnelForm.sent(request.form), services()
    wanted = form.checked()
    if wanted is not None and form.name in {one.name for one in wired.funnels.definitions.all(game)}:
        form.errors["name"] = [f"There is a funnel {form.name!r} already; change it on its own page."]
        return _all_page(game, form, 409)
    if wanted is None or not _put(game, form, wanted):
        return _all_page(game, form, 422)
    flash(f"Funnel {form.name} is declared. It counts events from now on.", "success")
    return redirect(url_for(".show", game=game, name=form.name), 303)


@blueprint.get("/funnels/<name>")
@signed_in("viewer")
def show(game: str, name: str) -> ResponseReturnValue:
    """One funnel: its steps, and its days."""
    require_game(game)
    return _page(game, name, FunnelForm.of(services().funnels.definitions.get(game, name)))


@blueprint.post("/funnels/<name>")
@signed_in("editor")
def change(game: str, name: str) -> ResponseReturnValue:
    """Changes a funnel, or shows why that cannot be."""
    require_game(game)
    services().funnels.definitions.get(game, name)
    form = FunnelForm.sent(request.form)
    form.name = name
    wanted = form.checked()
    if wanted is None or not _put(game, form, wanted):
        return _page(game, name, form)
    flash(f"Funnel {name} is saved.", "success")
    return redirect(url_for(".show", game=game, name=name), 303)


@blueprint.post("/funnels/<name>/remove")
@signed_in("editor")
def remove(game: str, name: str) -> ResponseReturnValue:
    """Removes a funnel and what it counted."""
    require_game(game)
    wired = services()
    found = wired.funnels.definitions.get(game, name)
    if request.form.get("confirm") != "yes":
        form = FunnelForm.of(found)
        form.errors["confirm"] = ["Tick the box to remove it. Nothing is removed."]
        return _page(game, name, form)
    wired.funnels.definitions.delete(game, name, wired.clock())
    flash(f"Funnel {name} is removed.", "success")
    return redirect(url_for(".show_all", game=game), 303)


def _put(game: str, form: FunnelForm, wanted: dict[str, Any]) -> bool:
    """Whether it could be saved; the form says why not."""
    wired = services()
    try:
        wired.funnels.definitions.put(game, form.name, wanted["steps"], wanted["window_seconds"], wired.clock())
    except InvalidInput as error:
        form.refuse(error)
        return False
    return True


def _read(game: str, name: str, asked: Asked) -> FunnelReading | None:
    """None, with the reason in the form of the range, where that cannot be."""
    if asked.found is None:
        return None
    wired = services()
    try:
        return wired.funnels.read(game, name, asked.steps, wired.clock(), wired.calendar_of(game))
    except InvalidInput as error:
        asked.refuse(error)
        return None


def _asked(game: str, usual: str) -> Asked:
    wired = services()
    return read_asked(request.args, wired.calendar_of(game), wired.clock(), usual=usual, most=model.MOST_DAYS)


def _all_page(game: str, form: FunnelForm, status: int = 200) -> ResponseReturnValue:
    wired, asked, found = services(), _asked(game, "7d"), []
    for one in wired.funnels.definitions.all(game):
        try:
            reading = _read(game, one.name, asked)
        except NotFound:  # removed since
            continue
        steps = model.step_rows(reading) if reading else []
        found.append((one, model.window_text(one.window_seconds), steps, model.notes(reading) if reading else []))
    names = sorted(wired.stats.names(game))
    values = range_values(asked, ".show_all", {"game": game})
    page = analytics_page("funnels", game, found=found, form=form, units=list(model.UNITS), names=names, **values)
    return page, 422 if asked.errors else status


def _page(game: str, name: str, form: FunnelForm) -> ResponseReturnValue:
    wired, asked = services(), _asked(game, "30d")
    reading = _read(game, name, asked)
    units = [*model.UNITS, *(["seconds"] if form.unit == "seconds" else [])]
    shown: dict[str, Any] = {"steps": [], "days": [], "chart": "", "notes": []}
    if reading is not None:
        shown = {"steps": model.step_rows(reading), "days": model.day_rows(reading), "chart": model.chart(reading)}
        shown["notes"] = model.notes(reading)
    definition = wired.funnels.definitions.get(game, name)
    page = analytics_page(
        "funnel",
        game,
        funnel=definition,
        window=model.window_text(definition.window_seconds),
        form=form,
        units=units,
        names=sorted(wired.stats.names(game)),
        **shown,
        **range_values(asked, ".show", {"game": game, "name": name}),
    )
    return page, 422 if asked.errors or form.errors else 200
