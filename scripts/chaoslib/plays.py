"""What is submitted. On a `sum` board every op of a player adds another power of four.

So a total tells of each op by itself how often it was counted: it is a digit of it. After `DIGITS` ops a player is
used up, and a new one takes the place; few play at a time, so that many clients meet at the same players.
"""

import random
import threading
from dataclasses import dataclass

from chaoslib.history import History, Item, Op

BASE = 4
DIGITS = 26  # 4 ** 26 is below 2 ** 53: every total is exact
_BEST_SCORES = 5_000  # few enough for ties


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """A board of the run."""

    name: str
    operator: str  # sum or best
    partitions: int = 1

    @property
    def definition(self) -> dict[str, object]:
        more: dict[str, object] = {"partitions": self.partitions} if self.partitions > 1 else {}
        return {"operator": self.operator, "periods": ["all", "day"], "score": {"type": "integer"}, **more}


@dataclass(frozen=True, slots=True)
class Mix:
    """The shares of what is done."""

    reads: float = 0.06
    bulks: float = 0.15
    keyless: float = 0.1  # of the singles, and fewer of the bulks: those are sent once
    twice: float = 0.08  # of what has a key: sent again though it was answered
    at_once: float = 0.04  # of what has a key: sent on two connections at the same time
    most_items: int = 60
    forgets_keys: bool = False  # sends none: to see that the checker finds what counts twice


class Plays:
    """Deals them out, to many threads."""

    def __init__(self, boards: list[BoardPlan], history: History, mix: Mix, *, at_a_time: int = 40) -> None:
        self.boards = boards
        self.mix = mix
        self._history = history
        self._at_a_time = at_a_time
        self._lock = threading.Lock()
        self._made: dict[str, int] = {plan.name: 0 for plan in boards}
        self._open: dict[str, list[list[int]]] = {plan.name: [] for plan in boards}  # [number, digits used]

    def next(self, dice: random.Random) -> Op:
        """The next op."""
        is_bulk = dice.random() < self.mix.bulks
        count = dice.randint(2, self.mix.most_items) if is_bulk else 1
        items = [self._item(dice) for _ in range(count)]
        key = None if dice.random() < self.mix.keyless * (0.3 if is_bulk else 1.0) else f"op-{dice.getrandbits(32):08x}"
        return self._history.begin(items, key, is_bulk=is_bulk)

    def someone(self, dice: random.Random) -> tuple[str, str]:
        """A board whose scores add, and a player who plays there now."""
        board = dice.choice([plan.name for plan in self.boards if plan.operator == "sum"])
        with self._lock:
            numbers = [number for number, _ in self._open[board]] or [0]
            return board, _player(board, dice.choice(numbers))

    def _item(self, dice: random.Random) -> Item:
        plan = dice.choice(self.boards)
        if plan.operator == "best":
            return Item(plan.name, f"p{dice.randrange(2000)}", dice.randrange(1, _BEST_SCORES))
        number, digit = self._take(plan.name, dice)
        return Item(plan.name, _player(plan.name, number), BASE**digit)

    def _take(self, board: str, dice: random.Random) -> tuple[int, int]:
        with self._lock:
            seats = self._open[board]
            if len(seats) < self._at_a_time:
                seats.append([self._made[board], 0])
                self._made[board] += 1
            seat = dice.choice(seats)
            number, digit = seat
            seat[1] += 1
            if seat[1] == DIGITS:
                seats.remove(seat)
            return number, digit


def digits(total: int) -> dict[int, int]:
    """Which powers of four a total is made of, and how often each."""
    found = {}
    place = 0
    while total:
        total, count = divmod(total, BASE)
        if count:
            found[place] = count
        place += 1
    return found


def place_of(amount: int) -> int:
    """Which power of four an amount is."""
    return (amount.bit_length() - 1) // 2


def _player(board: str, number: int) -> str:
    return f"{board}/{number}"  # a slash, as real ids have
