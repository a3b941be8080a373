"""Make a failing play small: leave out whatever it fails without.

hypothesis can do it too, but it draws every candidate anew and must keep its choices aligned; cutting the finished
play is many times faster, which counts when every candidate is a hundred requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from .plays import Bulk, Draft, Play, Submit

T = TypeVar("T")


def smallest(play: Play, fails: Callable[[Play], bool], seconds: float = 60) -> Play:
    """The smallest play found in that time that still fails; the one given does."""
    until = time.monotonic() + seconds
    for _ in range(3):
        before = play
        for candidates in (_fewer_operations, _fewer_items, _fewer_boards, _plainer_items):
            play = _descend(play, candidates, fails, until)
        if play == before:
            break
    return play


def _descend(
    play: Play, candidates: Callable[[Play], Iterator[Play]], fails: Callable[[Play], bool], until: float
) -> Play:
    """Take the first candidate that fails, and look for the next one from there."""
    found = True
    while found:
        found = False
        for candidate in candidates(play):
            if time.monotonic() > until:
                return play
            if candidate != play and fails(candidate):
                play, found = candidate, True
                break
    return play


def _cuts(items: Sequence[T]) -> Iterator[list[T]]:
    """The items without a stretch of them: long stretches first, the last ones first."""
    size = len(items)
    while size:
        for end in range(len(items), 0, -size):
            yield [*items[: max(0, end - size)], *items[end:]]
        size //= 2


def _fewer_operations(play: Play) -> Iterator[Play]:
    for kept in _cuts(play.operations):
        yield replace(play, operations=kept)


def _fewer_items(play: Play) -> Iterator[Play]:
    for index, operation in enumerate(play.operations):
        if isinstance(operation, Bulk):
            for kept in _cuts(operation.drafts):
                if kept:
                    yield _with(play, index, replace(operation, drafts=tuple(kept)))


def _fewer_boards(play: Play) -> Iterator[Play]:
    for name in play.definitions:
        rest = {other: definition for other, definition in play.definitions.items() if other != name}
        if rest and not any(f"board={name!r}" in repr(operation) for operation in play.operations):
            yield replace(play, definitions=rest)
    for name, definition in play.definitions.items():
        for rolling in _cuts(definition.get("rolling", [])):
            yield replace(play, definitions={**play.definitions, name: {**definition, "rolling": rolling}})
        for periods in _cuts(definition["periods"]):
            if periods:
                yield replace(play, definitions={**play.definitions, name: {**definition, "periods": periods}})


def _plainer_items(play: Play) -> Iterator[Play]:
    for index, operation in enumerate(play.operations):
        if isinstance(operation, Submit):
            for draft in _plainer(operation.draft):
                yield _with(play, index, replace(operation, draft=draft))
            yield _with(play, index, replace(operation, ranks=None))
        if isinstance(operation, Bulk):
            for place, draft in enumerate(operation.drafts):
                for plain in _plainer(draft):
                    drafts = (*operation.drafts[:place], plain, *operation.drafts[place + 1 :])
                    yield _with(play, index, replace(operation, drafts=drafts))


def _plainer(draft: Draft) -> Iterator[Draft]:
    yield replace(draft, at=None)
    yield replace(draft, metadata=None)


def _with(play: Play, index: int, operation: Submit | Bulk) -> Play:
    return replace(play, operations=[*play.operations[:index], operation, *play.operations[index + 1 :]])
