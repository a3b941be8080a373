"""A person with a browser, for tests of pages: signed in, with a cookie and the token of the form at hand."""

import html
import re
import secrets
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import Service

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Person:
    """Somebody whose account has that role; None: nobody who is signed in."""

    def __init__(self, service: Service, role: str | None = "admin") -> None:
        self.service = service
        self.name = ""
        self.client: FlaskClient = service.app.test_client()
        if role is not None:
            self.name = f"{role}-{secrets.token_hex(4)}"
            services, now = service.services, service.clock.now()
            services.accounts.create(self.name, role, None, now)
            self.sign_in(services.links.create(self.name, now))

    def sign_in(self, token: str) -> None:
        """By a one-time link."""
        path = f"/signin/link/{token}"
        answer = self.client.post(path, data={"csrf_token": self._token(path)})
        assert answer.status_code == 303, answer.text

    def get(self, path: str, status: int = 200, **more: Any) -> str:
        """The text of a page."""
        answer = self.client.get(path, **more)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.text

    def post(self, path: str, form: dict[str, str] | None = None, *, on: str | None = None) -> TestResponse:
        """What a form is answered that is on the page `on`, by default on the one at its own address."""
        return self.client.post(path, data={"csrf_token": self._token(on or path), **(form or {})})

    def _token(self, path: str) -> str:
        page = self.client.get(path).text
        found = _TOKEN.search(page)
        assert found is not None, page
        return html.unescape(found[1])


def words(page: str) -> str:
    """What is to be read on a page, in one line."""
    main = page.partition("<main")[2] or page
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", main)))
