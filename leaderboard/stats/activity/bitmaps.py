"""Bitmaps of the store as Python integers. The order of their bits means nothing, but is always the same."""

from collections.abc import Iterator


def as_bits(text: bytes | None) -> int:
    """A bitmap; what the store has cut off at its end is 0."""
    return int.from_bytes(text, "little") if text else 0


def numbers(text: bytes | None) -> Iterator[int]:
    """The numbers of the bits that are set, in order, counted as the store does."""
    for place, byte in enumerate(text or b""):
        if byte:
            yield from (place * 8 + bit for bit in range(8) if byte & 128 >> bit)


class Window:
    """The union of the last bitmaps of a row, at about three unions a bitmap however many they are."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._older: list[int] = []  # the last one is the union of all of them, the one before lacks the oldest
        self._newer: list[int] = []
        self._newer_union = 0

    def push(self, bits: int) -> int:
        """Adds one; answers the union of the last `size`."""
        if len(self._older) + len(self._newer) == self._size:
            if not self._older:
                self._turn()
            self._older.pop()
        self._newer.append(bits)
        self._newer_union |= bits
        return self._newer_union | self._older[-1] if self._older else self._newer_union

    def _turn(self) -> None:
        union = 0
        for bits in reversed(self._newer):
            union |= bits
            self._older.append(union)
        self._newer, self._newer_union = [], 0
