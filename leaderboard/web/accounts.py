"""All accounts, for administrators: making and changing them, their sessions, one-time links for them."""

from typing import Any

import structlog
from flask import Blueprint, Response, flash, request, url_for

from leaderboard.accounts.accounts import ROLES
from leaderboard.accounts.links import GOOD_FOR
from leaderboard.errors import Conflict, InvalidInput
from leaderboard.web import guard
from leaderboard.web.guard import signed_in
from leaderboard.web.rendering import back_to, is_confirmed, render, services

_log = structlog.get_logger(__name__)
blueprint = Blueprint("account_pages", __name__)


@blueprint.get("/accounts")
@signed_in("admin")
def list_accounts() -> str:
    """All of them, and a form for one more."""
    return _list()


@blueprint.post("/accounts")
@signed_in("admin")
def create() -> Response | tuple[str, int]:
    """Makes one. Without a password it is signed in by links alone."""
    wired, form = services(), request.form
    name, password = form.get("name", "").strip().lower(), form.get("password", "")
    try:
        wired.accounts.create(name, form.get("role", ""), password or None, wired.clock())
    except InvalidInput as error:
        return _list(error.fields), 422
    except Conflict as error:
        return _list({"name": [error.detail]}), 409
    _note("account made", name, role=form.get("role", ""))
    flash(f"The account {name} is made.", "success")
    return back_to(_url(name))


@blueprint.get("/accounts/<name>")
@signed_in("admin")
def show(name: str) -> str:
    """One of them. Raises NotFound."""
    return _one(name)


@blueprint.post("/accounts/<name>/role")
@signed_in("admin")
def set_role(name: str) -> Response:
    """Gives it another role. Raises InvalidInput, NotFound, Conflict for one's own."""
    _check_other(name, "An administrator's own role is changed by another one.")
    wired = services()
    account = wired.accounts.set_role(name, request.form.get("role", ""), wired.clock())
    _note("account has another role", name, role=account.role)
    flash(f"{name} is {account.role} now.", "success")
    return back_to(_url(name))


@blueprint.post("/accounts/<name>/password")
@signed_in("admin")
def set_password(name: str) -> Response | tuple[str, int]:
    """Gives it another password, which ends its sessions. Raises NotFound."""
    _check_other(name, "Your own password is changed on the page of your account.")
    wired = services()
    try:
        wired.accounts.set_password(name, request.form.get("password", ""), wired.clock())
    except InvalidInput as error:
        return _one(name, wrong=error.fields), 422
    _note("account has another password", name)
    wired.sessions.end_all(name)
    flash(f"{name} has another password; its sessions are ended.", "success")
    return back_to(_url(name))


@blueprint.post("/accounts/<name>/link")
@signed_in("admin")
def make_link(name: str) -> str:
    """Makes a one-time link, which is shown this once. Raises NotFound."""
    wired = services()
    wired.accounts.get(name)
    token = wired.links.create(name, wired.clock())
    _note("one-time link made", name)
    return _one(name, link=url_for("signin_pages.link", token=token, _external=True))


@blueprint.post("/accounts/<name>/sessions/end")
@signed_in("admin")
def end_session(name: str) -> Response:
    """Ends one of its sessions, or all: a field `session`, or none."""
    wired, wanted = services(), request.form.get("session", "")
    if not wanted and not is_confirmed():
        return back_to(_url(name))
    ended = int(wired.sessions.end(name, wanted)) if wanted else wired.sessions.end_all(name)
    _note("sessions ended", name, sessions=ended)
    flash(f"Sessions ended: {ended}.", "success")
    return back_to(_url(name))


@blueprint.post("/accounts/<name>/remove")
@signed_in("admin")
def remove(name: str) -> Response:
    """Removes it, and ends its sessions. Raises NotFound, Conflict for one's own."""
    _check_other(name, "An administrator's own account is removed by another one.")
    if not is_confirmed():
        return back_to(_url(name))
    wired = services()
    wired.accounts.remove(name)
    _note("account removed", name)
    wired.sessions.end_all(name)
    flash(f"The account {name} is removed.", "success")
    return back_to("/accounts")


def _check_other(name: str, told: str) -> None:
    """So that there is always an administrator left who is not locked out."""
    if name == guard.account().name:
        raise Conflict(told, code="own_account")


def _note(event: str, name: str, **more: Any) -> None:
    """Tells the log who did it."""
    _log.info(event, account=name, by=guard.account().name, **more)


def _url(name: str) -> str:
    return url_for("account_pages.show", name=name)


def _list(wrong: Any = None) -> str:
    return render(
        "accounts.html", accounts=services().accounts.list(), roles=ROLES, wrong=wrong or {}, form=request.form
    )


def _one(name: str, *, wrong: Any = None, link: str = "") -> str:
    wired = services()
    return render(
        "account_other.html",
        info=wired.accounts.get(name),
        sessions=wired.sessions.of(name, wired.clock()),
        roles=ROLES,
        is_own=name == guard.account().name,
        link=link,
        link_minutes=int(GOOD_FOR.total_seconds() // 60),
        wrong=wrong or {},
    )
