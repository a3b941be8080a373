"""Pages of a list that is all there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Some rows of a list: page `number` of `pages`, counted from 1; `total` rows in all."""

    rows: Sequence[_T]
    number: int
    pages: int
    total: int

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    def mapped(self, change: Callable[[_T], _U]) -> "Page[_U]":
        """The same page with something else in each row."""
        return Page([change(row) for row in self.rows], self.number, self.pages, self.total)


def page_of(rows: Sequence[_T], number: int, size: int) -> Page[_T]:
    """One page; the nearest there is for a number beyond."""
    pages = max(1, -(-len(rows) // size))
    number = max(1, min(number, pages))
    return Page(rows[(number - 1) * size : number * size], number, pages, len(rows))


def page_number(given: Mapping[str, str]) -> int:
    """Which page a query string asks for; the first where it says nothing that makes sense."""
    text = given.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else 1
