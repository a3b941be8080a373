"""Signing in and out: by password, by one-time links, what is refused and how often."""

import html
import re
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from leaderboard.accounts import passwords
from leaderboard.accounts.sessions import id_of
from leaderboard.config import Settings
from leaderboard.store import keys
from leaderboard.store.connection import as_text
from leaderboard.web import sessions
from tests.conftest import Service
from tests.web.person import Person, words

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that the tests make
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Door:
    """A browser in front of the form, at an address of its own."""

    def __init__(self, service: Service, address: str | None = None) -> None:
        self.service = service
        self.address = address or f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
        self.client: FlaskClient = service.app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, environ_base={"REMOTE_ADDR": self.address}, **more)

    def send(self, name: str, password: str, target: str = "", path: str = "/signin") -> TestResponse:
        token = _TOKEN.search(self.get("/signin").text)
        assert token is not None
        form = {"csrf_token": html.unescape(token[1]), "name": name, "password": password, "next": target}
        return self.client.post(path, data=form, environ_base={"REMOTE_ADDR": self.address})

    @property
    def cookie(self) -> str:
        found = self.client.get_cookie(sessions.COOKIE)
        return "" if found is None else found.value


@pytest.fixture
def name(service: Service) -> str:
    """An account with a password."""
    name = "ann-" + secrets.token_hex(4)
    service.services.accounts.create(name, "viewer", PASSWORD, service.clock.now())
    return name


@pytest.fixture
def door(service: Service) -> Door:
    return Door(service)


def stored(service: Service, cookie: str) -> Any:
    return service.services.store.client.get(keys.session(id_of(cookie)))


def test_the_first_page_is_the_way_in(door: Door) -> None:
    page = door.get("/")
    assert page.status_code == 200
    for link in ("/docs/", "/openapi.json", "/readyz"):
        assert f'href="{link}"' in page.text
    assert 'type="password"' in page.text


def test_name_and_password_sign_in(service: Service, door: Door, name: str) -> None:
    answer = door.send(f" {name.upper()} ", PASSWORD, "/accounts?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts?x=1")
    assert name in words(door.get("/account").text)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # it came by http
    assert door.get("/signin?next=/account").headers["Location"] == "/account"  # already in


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(door: Door, name: str) -> None:
    told = []
    for tried in (name, "nobody-" + secrets.token_hex(4), "Not/A Name", "", "x" * 500):
        answer = door.send(tried, "wrong password")
        assert answer.status_code == 422
        told.append(re.search(r'class="problem__title">([^<]*)', answer.text)[1])  # type: ignore[index]
    assert len(set(told)) == 1
    assert door.get("/account").status_code == 303


def test_an_account_without_a_password_has_none_that_is_right(service: Service, door: Door) -> None:
    name = "linked-" + secrets.token_hex(4)
    service.services.accounts.create(name, "viewer", None, service.clock.now())
    for password in ("", "None", "nothing at all"):
        assert door.send(name, password).status_code == 422


def test_after_ten_failures_an_account_has_to_wait(service: Service, name: str) -> None:
    for number in range(10):
        assert Door(service, f"192.0.2.{number}").send(name, "wrong password").status_code == 422
    answer = Door(service).send(name, PASSWORD)
    assert answer.status_code == 429
    assert answer.mimetype == "text/html"
    assert 600 < int(answer.headers["Retry-After"]) <= 920
    service.clock.advance(minutes=16)
    assert Door(service).send(name, PASSWORD).status_code == 303


def test_after_ten_failures_an_address_has_to_wait(service: Service, name: str, door: Door) -> None:
    for number in range(10):
        assert door.send(f"nobody-{number}", "wrong password").status_code == 422
    assert door.send(name, PASSWORD).status_code == 429
    beside = Door(service, door.address[:-1] + "abcd:1")  # of the same network
    assert beside.send(name, PASSWORD).status_code == 429
    other = Door(service)
    assert other.send(name, PASSWORD).status_code == 303  # elsewhere nothing is counted


def test_few_passwords_are_looked_at_at_the_same_time(
    service: Service, name: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_room", threading.BoundedSemaphore(1))
    with passwords._room:
        for _ in range(11):  # none of which counts
            answer = door.send(name, PASSWORD)
            assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert door.send(name, PASSWORD).status_code == 303


def test_changing_a_password_that_could_not_be_looked_at_is_no_failure(
    service: Service, name: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.send(name, PASSWORD).status_code == 303
    token = html.unescape(_TOKEN.search(door.get("/account").text)[1])  # type: ignore[index]
    form = {"csrf_token": token, "old": PASSWORD, "password": "another horse", "again": "another horse"}

    def change() -> TestResponse:
        return door.client.post("/account/password", data=form, environ_base={"REMOTE_ADDR": door.address})

    monkeypatch.setattr(passwords, "_room", threading.BoundedSemaphore(1))
    with passwords._room:
        for _ in range(11):
            assert change().status_code == 503
    assert change().headers["Location"] == "/account"
    assert Door(service).send(name, "another horse").status_code == 303


def test_attempts_are_counted_by_what_came_of_them(service: Service, name: str, door: Door) -> None:
    def counted() -> dict[str, float]:
        text = service.app.test_client().get("/metrics").text
        found = re.findall(r'leaderboard_sign_ins_total\{outcome="(\w+)"\} (\S+)', text)
        return {outcome: float(count) for outcome, count in found}

    before = counted()

    def more() -> dict[str, int]:
        grown = {outcome: int(count - before.get(outcome, 0)) for outcome, count in counted().items()}
        return {outcome: count for outcome, count in grown.items() if count}

    assert door.send(name, PASSWORD).status_code == 303
    assert more() == {"password": 1}
    other = Door(service)
    for _ in range(10):
        assert other.send(name, "wrong password").status_code == 422
    assert Door(service).send(name, PASSWORD).status_code == 429
    assert more() == {"password": 1, "failed": 10, "limited": 1}
    person = Person(service, "viewer")  # signs in by a link
    assert more() == {"password": 1, "failed": 10, "limited": 1, "link": 1}
    person.get("/signin/link/dead", 410)
    assert more() == {"password": 1, "failed": 11, "limited": 1, "link": 1}


def test_success_forgives(service: Service, name: str, door: Door) -> None:
    for _ in range(3):
        for _ in range(3):
            assert door.send(name, "wrong password").status_code == 422
        assert door.send(name, PASSWORD).status_code == 303
        door.client.delete_cookie(sessions.COOKIE)
    assert Door(service).send(name, PASSWORD).status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/x", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/\t/evil.example", "/ok\r\nSet-Cookie: x=y", "///evil.example", "/signout", "/signin", "http:/evil",
        "/" * 3000, "evil",
    ],
)  # fmt: skip
def test_signing_in_leads_to_pages_of_ours_only(door: Door, name: str, target: str) -> None:
    answer = door.send(name, PASSWORD, target)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert door.get("/signin", query_string={"next": target}).headers["Location"] == "/"


def test_where_one_wanted_to_go_is_kept(service: Service, door: Door, name: str) -> None:
    sent = door.get("/accounts?a=1&b=%C3%A9")
    assert sent.status_code == 303
    page = door.get(sent.headers["Location"])
    assert 'name="next" value="/accounts?a=1&amp;b=%C3%A9"' in page.text


def test_a_session_is_new_at_signing_in(service: Service, name: str, door: Door) -> None:
    door.client.set_cookie(sessions.COOKIE, "planted-by-somebody-else")
    assert door.send(name, PASSWORD).status_code == 303
    first = door.cookie
    assert first != "planted-by-somebody-else"
    assert stored(service, "planted-by-somebody-else") is None
    assert first not in as_text(stored(service, first))
    token = service.services.links.create(name, service.clock.now())
    page = door.get(f"/signin/link/{token}")
    form = {"csrf_token": html.unescape(_TOKEN.search(page.text)[1])}  # type: ignore[index]
    assert door.client.post(f"/signin/link/{token}", data=form).status_code == 303
    assert door.cookie != first
    assert stored(service, first) is None


def test_signing_out_ends_the_session(service: Service) -> None:
    person = Person(service, "viewer")
    cookie = person.client.get_cookie(sessions.COOKIE)
    assert cookie is not None
    assert person.post("/signout", on="/account").headers["Location"] == "/signin"
    assert stored(service, cookie.value) is None
    assert "You are signed out." in words(person.get("/signin"))
    person.client.set_cookie(sessions.COOKIE, cookie.value)
    assert person.client.get("/account").status_code == 303


def test_a_link_signs_in_once(service: Service) -> None:
    token = service.services.links.create("operator", service.clock.now())
    first, second = Person(service, None), Person(service, None)
    for person in (first, second, first):  # looking does no harm
        assert "operator" in words(person.get(f"/signin/link/{token}"))
    second_token = second._token(f"/signin/link/{token}")
    first.sign_in(token)
    assert "admin" in words(first.get("/account"))
    late = second.client.post(f"/signin/link/{token}", data={"csrf_token": second_token})
    assert late.status_code == 410
    assert second.client.get("/account").status_code == 303
    second.get(f"/signin/link/{token}", 410)
    second.get("/signin/link/nonsense", 410)


def test_a_link_is_good_for_ten_minutes(service: Service) -> None:
    person = Person(service, None)
    token = service.services.links.create("operator", service.clock.now())
    service.clock.advance(minutes=9, seconds=59)
    form_token = person._token(f"/signin/link/{token}")
    service.clock.advance(seconds=1)
    person.get(f"/signin/link/{token}", 410)
    late = person.client.post(f"/signin/link/{token}", data={"csrf_token": form_token})
    assert late.status_code == 410
    store = service.services.store.client
    token = service.services.links.create("operator", service.clock.now())
    held = [key for key in map(as_text, store.scan_iter("web:*:link")) if token in key]
    assert held == []  # only a hash is kept
    assert all(0 < store.ttl(key) <= 600 for key in store.scan_iter("web:*:link"))


def test_a_link_of_an_account_that_is_gone(service: Service, name: str) -> None:
    token = service.services.links.create(name, service.clock.now())
    service.services.accounts.remove(name)
    Person(service, None).get(f"/signin/link/{token}", 410)


def test_nothing_of_it_is_kept_for_ever(service: Service, name: str, door: Door) -> None:
    door.send(name, "wrong password")
    door.send(name, PASSWORD)
    store = service.services.store.client
    found = list(store.scan_iter("web:*"))
    assert found
    assert all(store.ttl(key) > 0 for key in found)


def test_visits_of_who_is_not_signed_in_leave_nothing_in_the_store(service: Service, door: Door) -> None:
    store = service.services.store.client
    before = set(store.scan_iter("web:*"))
    for path in ("/", "/signin", "/nope", "/accounts", "/signin/link/x"):
        door.get(path)
    assert set(store.scan_iter("web:*")) == before


def test_a_cookie_that_was_made_up_is_none(service: Service, name: str, door: Door) -> None:
    forged = ["x", "a.b.c", "." * 50, "x" * 3900, '{"account":"operator"}']
    signer = service.app.session_interface._signer  # even a good signature makes nobody signed in
    forged.append(signer.dumps({"account": "operator", "stamp": "", "began": 0, "seen": 0}))
    for cookie in forged:
        door.client.set_cookie(sessions.COOKIE, cookie)
        assert door.get("/account").status_code == 303


@pytest.fixture
def secure(tmp_path: Any) -> Iterator[FlaskClient]:
    from leaderboard.app import create_app  # noqa: PLC0415

    pytest.importorskip("fakeredis")
    app = create_app(Settings(data_dir=tmp_path, redis_url="memory", trusted_proxies=1))
    yield app.test_client()
    app.extensions["leaderboard"].close()


def test_cookies_are_secure_where_the_proxy_was_asked_by_https(secure: FlaskClient) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}
    assert "; Secure" in secure.get("/", headers=headers).headers["Set-Cookie"]
    secure.delete_cookie(sessions.COOKIE)
    assert "; Secure" not in secure.get("/").headers["Set-Cookie"]
