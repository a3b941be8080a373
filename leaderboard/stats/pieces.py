"""Cutting what goes to the store into pieces."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def batched(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def bounded(groups: Sequence[Sequence[_T]], most: int) -> Iterator[list[Sequence[_T]]]:
    """Groups, some at a time, so that at most `most` members are together; a larger one comes alone."""
    some: list[Sequence[_T]] = []
    size = 0
    for group in groups:
        if some and size + len(group) > most:
            yield some
            some, size = [], 0
        some.append(group)
        size += len(group)
    if some:
        yield some
