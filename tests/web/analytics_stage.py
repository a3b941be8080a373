"""What the tests of the pages of analytics share: somebody who is signed in, and what their pages say."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from tests.conftest import Service


@dataclass
class Table:
    """A table of a page: its caption, and the texts of its cells."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class Page(HTMLParser):
    """What a page says: tables, figures, form fields, errors, headings."""

    def __init__(self, status: int, html: str) -> None:
        super().__init__()
        self.status = status
        self.html = html
        self.tables: list[Table] = []
        self.fields: dict[str, str] = {}
        self.ids: list[str] = []
        self.tags: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._texts: list[tuple[list[tuple[str, str]], str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert "style" not in given, self.get_starttag_text()
        assert not any(name.startswith("on") for name in given), self.get_starttag_text()
        assert tag != "style"
        assert tag != "script" or given.get("src"), self.get_starttag_text()
        self.tags.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "input" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        if tag == "table":
            self.tables.append(Table())
        if tag == "tr":
            self.tables[-1].rows.append([])
        if tag in ("td", "th"):
            self.tables[-1].rows[-1].append("")
        if tag not in ("input", "meta", "link", "br", "hr", "img", "path", "rect", "circle"):
            self._open.append((tag, given.get("class", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        text = re.sub(r"\s+", " ", data.replace("\u202f", ""))
        if "caption" in tags:
            self.tables[-1].caption += text
        if ("td" in tags or "th" in tags) and "svg" not in tags:
            self.tables[-1].rows[-1][-1] = (self.tables[-1].rows[-1][-1] + text).strip()
        self._texts.append(([*self._open], text.strip()))

    def table(self, caption: str) -> list[list[str]]:
        """The rows of the one table whose caption begins so."""
        (found,) = [one for one in self.tables if one.caption.strip().startswith(caption)]
        return found.rows

    @property
    def stats(self) -> dict[str, str]:
        """The key figures, by their labels."""
        labels, values = self.having("stat__label"), self.having("stat__value")
        return dict(zip(labels, values, strict=True))

    @property
    def errors(self) -> list[str]:
        return self.having("field__error")

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self._texts if text)

    def having(self, name: str) -> list[str]:
        """The texts right inside elements of a class."""
        return [text for opened, text in self._texts if text and opened and name in opened[-1][1].split()]


class Visitor:
    """An account of some role, signed in, in a browser without scripts."""

    def __init__(self, service: Service, role: str = "viewer") -> None:
        self.service = service
        wired, now = service.services, service.clock.now()
        name = f"{role}-{service.game}"
        wired.accounts.create(name, role, None, now)
        self.client = service.app.test_client()
        path = "/signin/link/" + wired.links.create(name, now)
        token = self._read("GET", path).fields["csrf_token"]
        reply = self.client.post(path, data={"csrf_token": token})
        assert reply.status_code == 303, reply.get_data(as_text=True)

    def get(self, rest: str = "", **query: Any) -> Page:
        """A page of analytics of the game."""
        return self._read("GET", f"/games/{self.service.game}/analytics{rest}", query_string=query)

    def raw(self, rest: str, **query: Any) -> Any:
        """The answer itself."""
        return self.client.get(f"/games/{self.service.game}/analytics{rest}", query_string=query)

    def post(self, rest: str, **form: str) -> Page:
        """The page after a form was sent, wherever it led."""
        form["csrf_token"] = self.get("/funnels").fields["csrf_token"]
        path = f"/games/{self.service.game}/analytics{rest}"
        return self._read("POST", path, data=form, follow_redirects=True)

    def _read(self, method: str, path: str, **more: Any) -> Page:
        reply = self.client.open(path, method=method, **more)
        page = Page(reply.status_code, reply.get_data(as_text=True))
        assert len(set(page.ids)) == len(page.ids), sorted(page.ids)
        return page


def send(service: Service, *events: dict[str, Any]) -> None:
    """Records events, however old."""
    reply = service.request("POST", "/v1/events", json={"events": list(events)}, query={"backfill": "true"})
    assert reply.status == 200, reply.body
    assert not reply.json["rejected"], reply.json
