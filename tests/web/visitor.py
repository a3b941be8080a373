"""A browser without scripts, for tests of pages: reads HTML and fills in forms."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import Service
from tests.web.person import Person

_VOID = {"input", "meta", "link", "br", "hr", "img", "path"}
ATTACKS = ["<script>alert(1)</script>", '"><img src=x onerror=1>', "a/b?c=1#d&e", "' onclick='x", "{{ 7 * 7 }}"]


@dataclass
class Node:
    """An element of a page."""

    name: str
    attributes: dict[str, str]
    children: list["Node | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, white space run together."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            yield from [child] if isinstance(child, str) else child._texts()

    def all(self, name: str = "", /, **attributes: str) -> list["Node"]:
        """The elements inside with that name and those attributes ("_" is "-", "class_" is "class")."""
        wanted = {key.strip("_").replace("_", "-"): value for key, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if name in ("", child.name) and all(child.attributes.get(key) == wanted[key] for key in wanted):
                    found.append(child)
                found += child.all(name, **attributes)
        return found

    def one(self, name: str = "", /, **attributes: str) -> "Node":
        """The only one."""
        found = self.all(name, **attributes)
        assert len(found) == 1, (name, attributes, len(found))
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Node("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open[-1].name == tag, f"</{tag}> ends <{self.open[-1].name}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(html: str) -> Node:
    """A page, whose elements have to end as they began."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, [node.name for node in reader.open]
    return reader.open[0]


@dataclass
class Page:
    """An answer."""

    status: int
    headers: Any
    html: str

    @property
    def dom(self) -> Node:
        return read(self.html)

    @property
    def text(self) -> str:
        return self.dom.text

    def rows(self) -> list[list[str]]:
        """The cells of the standings."""
        body = self.dom.one("tbody", data_rows="")
        return [[cell.text for cell in row.children if isinstance(cell, Node)] for row in body.all("tr")]

    def form(self, action: str) -> dict[str, Any]:
        """What a browser would send of a form that nobody touched."""
        found = next(form for form in self.dom.all("form") if form.attributes.get("action", "") == action)
        off = [id(one) for part in found.all("fieldset", disabled="") for one in part.all()]
        sent: dict[str, Any] = {}
        for one in found.all("input"):
            attributes = one.attributes
            if "disabled" in attributes or "name" not in attributes or id(one) in off:
                continue
            if attributes.get("type") == "checkbox":
                if "checked" in attributes:
                    sent.setdefault(attributes["name"], []).append(attributes.get("value", "on"))
            else:
                sent[attributes["name"]] = attributes.get("value", "")
        for one in found.all("select"):
            if "disabled" not in one.attributes and id(one) not in off:
                chosen = [option for option in one.all("option") if "selected" in option.attributes] or one.all(
                    "option"
                )
                sent[one.attributes["name"]] = chosen[0].attributes["value"]
        return sent


class Visitor:
    """A browser with its cookies."""

    def __init__(self, service: Service, role: str | None = "admin") -> None:
        self.service = service
        self.role = role
        self.come_back()

    def come_back(self) -> None:
        """Signs in anew: a session is over after hours."""
        self.client = Person(self.service, self.role).client

    def get(self, path: str, **query: Any) -> Page:
        return _page(self.client.get(path, query_string=query or None))

    def post(self, path: str, form: dict[str, Any] | None = None, *, on: str = "") -> Page:
        """Sends a form, with the token of the page that it is on."""
        sent = dict(form or {})
        if on:
            found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(on).html)
            assert found is not None
            sent["csrf_token"] = found[1]
        return _page(self.client.post(path, data=sent))


def _page(response: TestResponse) -> Page:
    return Page(response.status_code, response.headers, response.get_data(as_text=True))
