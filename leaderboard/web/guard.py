"""Who may see a page, and change what it shows."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from flask import Response, current_app, g, redirect, request, url_for

from leaderboard.accounts.accounts import ROLES, Account, Role
from leaderboard.errors import Forbidden
from leaderboard.services import Services
from leaderboard.web import sessions

__all__ = [
    "ROLES",
    "Account",
    "Role",
    "account",
    "current",
    "forget",
    "known",
    "may",
    "refused",
    "role_of",
    "signed_in",
]
_MARK: Final = "needed_role"
_View = TypeVar("_View", bound=Callable[..., Any])


def signed_in(role: Role = "viewer") -> Callable[[_View], _View]:
    """Lets only accounts of that role, or of one that may more, call a view.

    Who is not signed in is sent to sign in (303); one that asks for an event stream gets 401. Raises Forbidden for
    another role.
    """

    def decorate(view: _View) -> _View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            refusal = refused(role)
            return view(*args, **kwargs) if refusal is None else refusal

        setattr(guarded, _MARK, role)
        return cast("_View", guarded)

    return decorate


def refused(role: Role) -> Response | None:
    """The answer for who is not signed in. Raises Forbidden, StoreUnavailable, DatabaseUnavailable."""
    found = current()
    if found is None:
        return _sign_in_first()
    if not found.may(role):
        raise Forbidden(f"This needs the role {role}; the account {found.name!r} is {found.role}.", code="wrong_role")
    return None


def role_of(view: Callable[..., Any]) -> Role | None:
    """The role that a view needs; None for one that is open to all."""
    return cast("Role | None", getattr(view, _MARK, None))


def account() -> Account:
    """The account of this request, in a view that needs one."""
    found = current()
    if found is None:
        raise RuntimeError("Only a view that is `signed_in` has an account.")
    return found


def current() -> Account | None:
    """Who is signed in. Raises StoreUnavailable, DatabaseUnavailable."""
    if "signed_in_account" not in g:
        g.signed_in_account = _find()
    return cast("Account | None", g.signed_in_account)


def known() -> Account | None:
    """The same as far as it was looked up in this request."""
    return cast("Account | None", g.get("signed_in_account"))


def may(role: Role) -> bool:
    """Whether who is signed in, as far as was looked up, may do what that role may."""
    found = known()
    return found is not None and found.may(role)


def forget() -> None:
    """To be called when the visitor has signed in or out."""
    g.pop("signed_in_account", None)


def _find() -> Account | None:
    session = sessions.load()
    if "account" not in session:
        return None
    wired = cast("Services", current_app.extensions["leaderboard"])
    found = wired.accounts.find(session["account"])
    if found is None or found.stamp != session.get("stamp"):  # one of the two is newer: maybe what this process knows
        found = wired.accounts.find(session["account"], fresh=True)
    if found is None or found.stamp != session.get("stamp"):
        sessions.end()  # the account was removed, or has another password
        return None
    return found


def _sign_in_first() -> Response:
    if "text/event-stream" in request.headers.get("Accept", ""):
        return Response("Sign in first.\n", 401, content_type="text/plain; charset=utf-8")
    target = request.full_path if request.query_string else request.path
    wanted = target if request.method in ("GET", "HEAD") else None
    return cast("Response", redirect(url_for("signin_pages.form", next=wanted), code=303))
