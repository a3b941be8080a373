"""Sessions as Flask has them: of who is signed in, in the store; of who is not, in the cookie itself, signed.

So nobody can fill the store who has not signed in. Nothing is looked up before a page asks for the session (`load`),
and nothing is kept or sent for a request that did not: calls of the API, probes and public pages have none.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, cast

from flask import Flask, Request, Response, current_app, request, session
from flask_session.base import ServerSideSession, ServerSideSessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer

from leaderboard.accounts.accounts import Account
from leaderboard.accounts.sessions import id_of
from leaderboard.errors import StoreUnavailable
from leaderboard.services import Services

COOKIE: Final = "leaderboard_session"
_SIGNED_OUT_SECONDS = 3600  # for which a form of who is not signed in can be sent
_SEEN_SECONDS = 60  # how exact the time of last use is
_LONGEST_COOKIE = 4096
Refuse = Callable[[Response, StoreUnavailable], None]


class PageSession(ServerSideSession):  # type: ignore[misc]
    """What a page knows of its visitor. Empty until it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.is_loaded = False
        self.was_kept = False  # in the store, under `sid`
        self.had_cookie = False

    def clear(self) -> None:
        """Forgets all of it."""
        dict.clear(self)
        self.modified = True

    def fill(self, document: dict[str, Any]) -> None:
        """Takes in what was kept."""
        dict.update(self, document)


class SessionInterface(ServerSideSessionInterface):  # type: ignore[misc]
    """Flask-Session over our store, however that is built."""

    session_class = PageSession

    def __init__(self, app: Flask, services: Services, refuse: Refuse) -> None:
        """`refuse` turns an answer into one that says that the store is away."""
        super().__init__(app, serialization_format="json")
        self._services = services
        self._refuse = refuse
        self._signer = URLSafeTimedSerializer(str(app.secret_key), salt="leaderboard-signed-out")

    def open_session(self, app: Flask, request: Request) -> PageSession:  # noqa: ARG002 - Flask's signature
        """Asks nobody: the store may be away, and most requests want no session."""
        return PageSession()

    def load(self, some: PageSession) -> None:
        """Looks up the session of this request. Raises StoreUnavailable."""
        if some.is_loaded:
            return
        cookie = request.cookies.get(COOKIE, "")
        some.had_cookie = bool(cookie)
        if "." in cookie and len(cookie) <= _LONGEST_COOKIE:
            some.fill(self._signed(cookie))
        elif cookie and len(cookie) <= _LONGEST_COOKIE:
            kept = self._retrieve_session_data(id_of(cookie))
            if kept is not None:
                some.fill(kept)
                some.sid, some.was_kept = cookie, True
        some.is_loaded, some.modified = True, False

    def begin(self, some: PageSession, account: Account) -> None:
        """Signs in. The session gets another id, and keeps nothing of what was before. Raises StoreUnavailable."""
        self.end(some)
        now = int(self._services.clock().timestamp())
        some.sid = secrets.token_urlsafe(32)
        token = secrets.token_hex(20)
        some.update(account=account.name, stamp=account.stamp, began=now, seen=now, csrf_token=token)

    def end(self, some: PageSession) -> None:
        """Signs out. Raises StoreUnavailable."""
        if some.was_kept:
            self._services.sessions.end(some["account"], id_of(some.sid))
        some.was_kept = False
        some.clear()

    def save_session(self, app: Flask, session: PageSession, response: Response) -> None:  # noqa: ARG002
        """Keeps what the page made of it; a store that is away turns the answer into one that says so."""
        if not session.is_loaded:
            return
        response.vary.add("Cookie")
        if "account" not in session:
            self._save_signed_out(session, response)
            return
        try:
            self._save(session, response)
        except StoreUnavailable as error:
            if session.modified:  # else only the time of last use is lost
                self._refuse(response, error)

    def _save(self, some: PageSession, response: Response) -> None:
        now = int(self._services.clock().timestamp())
        if not some.was_kept:
            self._services.sessions.begin(id_of(some.sid), dict(some), *_visitor())
        else:
            is_due = now - int(some["seen"]) >= _SEEN_SECONDS
            if not is_due and not some.modified:
                return
            if is_due:
                dict.update(some, seen=now)
            if not self._services.sessions.change(id_of(some.sid), dict(some), *_visitor(), seen=is_due):
                self._drop_cookie(response)  # it was ended meanwhile
                return
        self._set_cookie(response, some.sid, self._services.sessions.idle)

    def _save_signed_out(self, some: PageSession, response: Response) -> None:
        if len(some):
            if some.modified:
                signed = str(self._signer.dumps(dict(some)))
                self._set_cookie(response, signed, timedelta(seconds=_SIGNED_OUT_SECONDS))
        elif some.had_cookie:
            self._drop_cookie(response)

    def _signed(self, cookie: str) -> dict[str, Any]:
        try:
            found = self._signer.loads(cookie, max_age=_SIGNED_OUT_SECONDS)
        except BadSignature:
            return {}
        return {name: value for name, value in found.items() if name != "account"}

    def _set_cookie(self, response: Response, value: str, lifetime: timedelta) -> None:
        response.set_cookie(
            COOKIE, value, max_age=lifetime, httponly=True, samesite="Lax", secure=self._is_secure(), path="/"
        )

    def _drop_cookie(self, response: Response) -> None:
        response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=self._is_secure(), path="/")

    def _is_secure(self) -> bool:
        return request.is_secure or self._services.settings.secure_cookies == "always"

    def _retrieve_session_data(self, store_id: str) -> dict[str, Any] | None:
        return self._services.sessions.read(store_id, self._services.clock())

    def _delete_session(self, store_id: str) -> None:
        raise NotImplementedError("Sessions end by `end`, which takes them off their account's list too.")

    def _upsert_session(self, session_lifetime: timedelta, session: PageSession, store_id: str) -> None:
        raise NotImplementedError("Sessions are kept by `_save`, which knows a new one from one that may have ended.")


def load() -> PageSession:
    """The session of this request, looked up now if it was not yet. Raises StoreUnavailable."""
    found = cast("PageSession", session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    _interface().load(found)
    return found


def known() -> PageSession | None:
    """The same if it was looked up already."""
    found = cast("PageSession", session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    return found if found.is_loaded else None


def begin(account: Account) -> None:
    """Signs the visitor in. Raises StoreUnavailable."""
    _interface().begin(load(), account)


def end() -> None:
    """Signs the visitor out. Raises StoreUnavailable."""
    _interface().end(load())


def current_id() -> str:
    """What the visitor's session is listed by; '' for one that is not in the store."""
    found = load()
    return id_of(found.sid) if found.was_kept else ""


def address() -> str:
    """Where the visitor is calling from."""
    return request.remote_addr or ""


def _visitor() -> tuple[str, str]:
    return request.user_agent.string, address()


def _interface() -> SessionInterface:
    return cast("SessionInterface", current_app.session_interface)
