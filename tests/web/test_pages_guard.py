"""What holds for every page: who may see it, forms that come from elsewhere, headers, errors, no cookie for the API."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.web import guard, sessions
from tests.conftest import Service
from tests.web.person import Person, words

HTML = {"Accept": "text/html,application/xhtml+xml"}
OPEN = ("home_pages.home", "signin_pages.", "public_pages.", "stream_pages.of_public_board")  # they ask by themselves
BROWSER_HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def page_rules(app: Flask) -> Iterator[tuple[str, str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0].endswith("_pages"):
            for method in sorted(rule.methods or ()):
                yield method, rule.rule, rule.endpoint


def test_every_page_says_who_may_see_it(app: Flask) -> None:
    rules = list(page_rules(app))
    assert len(rules) > 10
    unguarded = {
        endpoint
        for _, _, endpoint in rules
        if guard.role_of(app.view_functions[endpoint]) is None and not endpoint.startswith(OPEN)
    }
    assert unguarded == set()


def test_who_is_not_signed_in_is_sent_to_sign_in(service: Service) -> None:
    client = service.app.test_client()
    for method, rule, endpoint in page_rules(service.app):
        if endpoint.startswith(OPEN) or method in ("OPTIONS", "HEAD"):
            continue
        path = re.sub(r"<[^>]*>", "x", rule)
        answer = client.open(path, method=method)
        assert answer.status_code == 303, (method, path, answer.status_code)
        assert answer.headers["Location"].startswith("/signin")


def test_a_stream_is_told_401(service: Service) -> None:
    answer = service.app.test_client().get("/account", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.mimetype) == (401, "text/plain")


def test_a_form_without_its_token_is_refused(service: Service) -> None:
    person = Person(service, "admin")
    for form in ({}, {"csrf_token": "x"}, {"csrf_token": Person(service, None)._token("/signin")}):
        for path in ("/accounts", "/signout", "/signin", "/account/sessions/end-all"):
            answer = person.client.post(path, data={"name": "mallory", "role": "admin", **form})
            assert answer.status_code == 400
            assert "reload the page" in words(answer.text)
    person.get("/account")  # still signed in


def test_the_api_needs_no_token_and_gets_no_cookie(service: Service) -> None:
    person = Person(service, "admin")
    service.put_board()
    authorization = {"Authorization": f"Bearer {service.keys['server']}"}
    body = {"player": "ada", "score": 1}
    answers = [person.client.post("/v1/boards/b/scores", json=body, headers=authorization)]
    answers += [person.client.get(path, headers=authorization) for path in ("/v1/boards/b/top", "/healthz", "/readyz")]
    answers += [person.client.get(path) for path in ("/metrics", "/openapi.json", "/docs/", "/static/base.css")]
    for answer in answers:
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")


def test_the_api_takes_no_session_for_a_key(service: Service) -> None:
    service.put_board()
    assert Person(service, "admin").client.get("/v1/boards/b/top").status_code == 401


@pytest.mark.parametrize("path", ["/", "/account", "/nope", "/accounts/nobody"])
def test_what_browsers_are_told(service: Service, path: str) -> None:
    answer = Person(service, "admin").client.get(path, headers=HTML)
    assert BROWSER_HEADERS.items() <= dict(answer.headers).items()
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert part in policy.split("; ")
    assert "unsafe" not in policy
    for forbidden in (r"<script(?![^>]* src=)", r"<style", r"\sstyle=", r"\son[a-z]+="):
        assert re.search(forbidden, answer.text) is None


def test_the_documentation_has_no_script_inside(service: Service) -> None:
    answer = service.app.test_client().get("/docs/")
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert re.search(r"<script(?![^>]* src=)", answer.text) is None
    for file in re.findall(r'(?:src|href)="(/[^"]+)"', answer.text):
        with service.app.test_client().get(file) as found:
            assert found.status_code == 200
    assert service.app.test_client().get("/docs").status_code in (200, 308)


def test_errors_are_pages_for_people_and_problems_for_programs(service: Service) -> None:
    client = service.app.test_client()
    page = client.get("/no/such/page", headers=HTML)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is nothing here" in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert client.get("/no/such/page").content_type == "application/problem+json"
    for path in ("/v1/nope", "/v1", "/healthz/x"):
        kind = "application/problem+json" if path != "/healthz/x" else "text/html; charset=utf-8"
        assert client.get(path, headers=HTML).content_type == kind
    wrong = Person(service, "admin").client.delete("/account", headers=HTML)
    assert (wrong.status_code, wrong.mimetype) == (405, "text/html")
    assert "GET" in wrong.headers["Allow"]


def test_a_form_that_is_too_large(service: Service) -> None:
    answer = Person(service, "admin").client.post("/accounts", data={"name": "x" * 2_000_000})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")


def test_files_are_packed_and_kept(service: Service) -> None:
    client = service.app.test_client()
    page = client.get("/signin").text
    path = re.search(r'href="(/static/base\.css\?v=\w+)"', page)
    assert path is not None
    plain = client.get(path[1])
    assert "immutable" in plain.headers["Cache-Control"]
    packed = client.get(path[1], headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    tagged = client.get(path[1], headers={"If-None-Match": plain.headers["ETag"]})
    assert tagged.status_code == 304
    assert "immutable" not in client.get("/static/base.css?v=old").headers["Cache-Control"]
    for missing in ("nope.css", "..%2fguard.py", "%2e%2e/guard.py", ".hidden", "base.css%00"):
        assert client.get(f"/static/{missing}").status_code == 404


def test_small_files() -> None:
    static = Path(guard.__file__).parent / "static"
    assert (static / "base.css").stat().st_size < 16_000
    assert (static / "base.js").stat().st_size < 4_000


def test_the_theme_is_the_visitors_choice(service: Service) -> None:
    client = service.app.test_client()
    assert "data-theme=" not in client.get("/").text.partition(">")[2].partition(">")[0]
    client.set_cookie("leaderboard_theme", "dark")
    assert '<html lang="en" data-theme="dark">' in client.get("/").text
    client.set_cookie("leaderboard_theme", '"><script>')
    assert '<html lang="en">' in client.get("/").text


def test_a_store_that_is_away_is_a_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(service, "admin")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store is away: ConnectionError.")

    token = person._token("/account")
    monkeypatch.setattr(type(service.services.sessions), "read", away)
    for answer in (person.client.get("/account"), person.client.post("/signout", data={"csrf_token": token})):
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert answer.headers["Retry-After"] == "1"
        assert "The store is away" in words(answer.text)
        assert "Set-Cookie" not in answer.headers
    monkeypatch.undo()
    monkeypatch.setattr(type(service.services.sessions), "begin", away)
    person.client.delete_cookie(sessions.COOKIE)
    link = service.services.links.create("operator", service.clock.now())
    path = f"/signin/link/{link}"
    answer = person.client.post(path, data={"csrf_token": person._token(path)})
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "Location" not in answer.headers
    monkeypatch.undo()
    person.get("/signin")


def test_a_dead_store(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1", redis_retries=0))
    try:
        client = app.test_client()
        assert client.get("/").status_code == 200  # nobody is signed in, so nobody is asked
        client.set_cookie(sessions.COOKIE, "some-session")
        answer = client.get("/")
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert "/readyz" in answer.text
        nowhere = client.get("/nope", headers=HTML)
        assert nowhere.status_code == 404
    finally:
        app.extensions["leaderboard"].close()


def test_processes_share_the_key_that_forms_are_signed_with(tmp_path: Path) -> None:
    pytest.importorskip("fakeredis")
    apps = [create_app(Settings(data_dir=tmp_path, redis_url="memory")) for _ in range(2)]
    given = create_app(Settings(data_dir=tmp_path, redis_url="memory", secret_key="k" * 32))
    try:
        assert apps[0].secret_key == apps[1].secret_key
        assert len(str(apps[0].secret_key)) >= 32
        assert given.secret_key == "k" * 32
    finally:
        for app in (*apps, given):
            app.extensions["leaderboard"].close()
