"""Signing in, by name and password or by a one-time link, and signing out."""

import structlog
from flask import Blueprint, Response, flash, request

from leaderboard.accounts.accounts import Account
from leaderboard.errors import TooManyRequests, Unavailable
from leaderboard.metrics import count_sign_in
from leaderboard.web import guard, sessions
from leaderboard.web.rendering import back_to, local_path, render, services

_log = structlog.get_logger(__name__)
blueprint = Blueprint("signin_pages", __name__)
_WRONG = "This name and password do not go together."
_MOST_NAME = 64


def sign_in_page(target: str = "", name: str = "", problem: str = "") -> str:
    """The form; `target` is where to go afterwards."""
    sessions.load()
    return render(
        "signin.html", target=_target(target), name=name, problem=problem, account=None, nav=(), show_messages=True
    )


@blueprint.get("/signin")
def form() -> str | Response:
    """Asks for name and password; who is signed in already goes on."""
    target = request.args.get("next", "")
    if guard.current() is not None:
        return back_to(_target(target))
    return sign_in_page(target)


@blueprint.post("/signin")
def sign_in() -> Response | tuple[str, int]:
    """Checks them. Raises TooManyRequests, Unavailable."""
    wired, now = services(), services().clock()
    name = request.form.get("name", "").strip().lower()[: _MOST_NAME + 1]
    target = request.form.get("next", "")
    try:
        wired.failures.begin(name, sessions.address(), now)
    except TooManyRequests:
        count_sign_in("limited")
        raise
    try:
        account = wired.accounts.check(name, request.form.get("password", ""))
    except Unavailable:
        wired.failures.take_back(name, sessions.address(), now)
        raise
    if account is None:
        count_sign_in("failed")
        return sign_in_page(target, name, _WRONG), 422
    wired.failures.forgive(name, sessions.address(), now)
    return _go_on(account, target, "password")


@blueprint.get("/signin/link/<token>")
def link(token: str) -> str | tuple[str, int]:
    """Only asks: what looks at links before people do would use it up otherwise."""
    name = services().links.peek(token, services().clock())
    if name is None or services().accounts.find(name) is None:
        return _no_link()
    sessions.load()
    return render("signin_link.html", name=name, account=None, nav=())


@blueprint.post("/signin/link/<token>")
def sign_in_by_link(token: str) -> Response | tuple[str, int]:
    """Uses it up."""
    name = services().links.take(token, services().clock())
    account = None if name is None else services().accounts.find(name)
    return _no_link() if account is None else _go_on(account, "", "link")


@blueprint.post("/signout")
def sign_out() -> Response:
    """Ends this session."""
    sessions.end()
    guard.forget()
    flash("You are signed out.", "success")
    return back_to("/signin")


def _go_on(account: Account, target: str, way: str) -> Response:
    sessions.begin(account)
    count_sign_in(way)
    _log.info("signed in", account=account.name, way=way, address=sessions.address())
    guard.forget()
    return back_to(_target(target))


def _no_link() -> tuple[str, int]:
    count_sign_in("failed")
    return render("signin_nolink.html", account=None, nav=()), 410


def _target(wanted: str) -> str:
    """Where to go after signing in: a page of ours that is none of these."""
    path = local_path(wanted)
    return "/" if path is None or path.startswith(("/signin", "/signout")) else path
