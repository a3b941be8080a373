"""One's own account: its sessions and its password."""

from typing import Any

from flask import Blueprint, Response, flash, request

from leaderboard.accounts.accounts import OPERATOR
from leaderboard.errors import InvalidInput, LeaderboardError, Unavailable
from leaderboard.web import guard, sessions
from leaderboard.web.guard import signed_in
from leaderboard.web.rendering import back_to, is_confirmed, render, services

blueprint = Blueprint("own_account_pages", __name__)


@blueprint.get("/account")
@signed_in()
def show() -> str:
    """Who is signed in, and from where else."""
    return _page()


@blueprint.post("/account/password")
@signed_in()
def change_password() -> Response | tuple[str, int]:
    """Sets another password; all other sessions end."""
    wired, name, now = services(), guard.account().name, services().clock()
    new = request.form.get("password", "")
    try:
        _check_old(name)
        if new != request.form.get("again", ""):
            raise InvalidInput("The two do not agree.", fields={"again": ["This is not the same password."]})
        account = wired.accounts.set_password(name, new, now)
    except LeaderboardError as error:
        if not isinstance(error, InvalidInput):
            raise
        return _page(error.fields), 422
    session = sessions.load()
    session["stamp"] = account.stamp
    ended = wired.sessions.end_all(name, but=sessions.current_id())
    flash("The password is changed" + (f", and {ended} other sessions ended." if ended else "."), "success")
    return back_to("/account")


@blueprint.post("/account/sessions/end")
@signed_in()
def end_session() -> Response:
    """Ends one of one's sessions, maybe this one."""
    name, wanted = guard.account().name, request.form.get("session", "")
    if wanted == sessions.current_id():
        sessions.end()
        guard.forget()
        return back_to("/signin")
    if services().sessions.end(name, wanted):
        flash("The session is ended.", "success")
    else:
        flash("This session has ended already.", "error")
    return back_to("/account")


@blueprint.post("/account/sessions/end-all")
@signed_in()
def end_others() -> Response:
    """Ends all of one's sessions but this one."""
    if is_confirmed():
        ended = services().sessions.end_all(guard.account().name, but=sessions.current_id())
        flash(f"{ended} other sessions are ended.", "success")
    return back_to("/account")


def _check_old(name: str) -> None:
    """Raises InvalidInput unless the old password is right, TooManyRequests after too many wrong ones, Unavailable."""
    wired, now = services(), services().clock()
    if not wired.accounts.get(name).has_password:
        return  # it came by a one-time link, which whoever runs the service gave it
    wired.failures.begin(name, sessions.address(), now)
    try:
        found = wired.accounts.check(name, request.form.get("old", ""))
    except Unavailable:  # it was not looked at, so nothing is known against anybody
        wired.failures.take_back(name, sessions.address(), now)
        raise
    if found is None:
        raise InvalidInput("The old password is wrong.", fields={"old": ["This is not your password."]})
    wired.failures.forgive(name, sessions.address(), now)


def _page(wrong: Any = None) -> str:
    wired, account = services(), guard.account()
    is_operator = account.name == OPERATOR
    return render(
        "account.html",
        sessions=wired.sessions.of(account.name, wired.clock()),
        current=sessions.current_id(),
        is_operator=is_operator,
        has_password=not is_operator and wired.accounts.get(account.name).has_password,
        idle_hours=wired.settings.session_hours,
        wrong=wrong or {},
    )
