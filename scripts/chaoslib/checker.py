"""What must hold: a pure function of histories and of what is read at the end.

Every op that was answered is in the totals exactly once; one that was not, at most once, and one that was refused
not at all. The same op is answered the same, however often it is sent. Ranks agree with the scores, and all ways to
read a board with each other. And whoever reads while others write sees what was answered before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaoslib.history import Glimpse, Op, Page
from chaoslib.plays import BoardPlan, digits, place_of

AROUND = 11  # rows that a probe asks for
Row = tuple[int, str, int]  # rank, player, score
_Sums = dict[tuple[str, str], dict[int, Op]]  # (board, player) -> power of four -> op


@dataclass(frozen=True)
class Probe:
    """What the other ways to read say of one player."""

    player: str
    row: Row
    total: int
    around: Sequence[Row]
    percentile: float


@dataclass(frozen=True)
class Standing:
    """A board as it is read at the end."""

    board: str
    period: str
    total: int
    rows: Sequence[Row]
    probes: Sequence[Probe] = ()
    asked: Sequence[str] = ()  # players looked up at once
    found: Sequence[Row] = ()
    missing: Sequence[str] = ()


@dataclass
class Findings:
    """What does not hold, a sentence each."""

    lost: list[str] = field(default_factory=list)  # acknowledged, and not there
    doubled: list[str] = field(default_factory=list)  # counted more than once
    wrong: list[str] = field(default_factory=list)  # everything else
    stale: list[str] = field(default_factory=list)  # a read that missed what was acknowledged before it
    lost_ops: list[int] = field(default_factory=list)  # the numbers of those that are lost

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.stale)

    def add(self, other: "Findings") -> None:
        """Takes in what is not among them."""
        for name, more in vars(other).items():
            known: list[object] = getattr(self, name)
            known[:] = dict.fromkeys([*known, *more])


def check(boards: Sequence[BoardPlan], ops: Sequence[Op], standings: Iterable[Standing]) -> Findings:
    """What the end says of all that was done."""
    found = Findings()
    sums, bests = _by_player(boards, ops)
    operators = {plan.name: plan.operator for plan in boards}
    for standing in standings:
        _check_order(standing, found)
        _check_probes(standing, found)
        if operators[standing.board] == "sum":
            _check_sums(standing, sums, found)
        else:
            _check_bests(standing, bests, found)
    return found


def check_answers(ops: Iterable[Op]) -> Findings:
    """What the answers of each op say of one another."""
    found = Findings()
    for op in ops:
        good = [attempt for attempt in op.attempts if attempt.is_good]
        if len({attempt.answer for attempt in good}) > 1:
            found.wrong.append(f"{_name(op)} was answered in {len(good)} ways")
        firsts = sum(not attempt.replayed for attempt in good)
        if firsts > 1 and not op.is_bulk:  # of a bulk sent twice at once, both may do a part
            found.wrong.append(f"{_name(op)} was carried out {firsts} times, by its answers")
        refused = [attempt.status for attempt in op.attempts if not attempt.may_count and attempt.status != 429]
        if refused:
            found.wrong.append(f"{_name(op)} was refused with {refused[0]}")
        if any(attempt.status == 500 for attempt in op.attempts):
            found.wrong.append(f"{_name(op)} met a fault of the service itself")
    return found


def check_told(boards: Sequence[BoardPlan], ops: Iterable[Op]) -> Findings:
    """Whether the totals that answers told have the op itself in them, once."""
    found = Findings()
    adding = {plan.name for plan in boards if plan.operator == "sum"}
    for op in ops:
        if op.is_bulk or op.items[0].board not in adding:
            continue
        for attempt in op.attempts:
            if attempt.is_good:
                count = digits(attempt.score or 0).get(place_of(op.items[0].amount), 0)
                _judge(op, count, "the total it was told", found)
    return found


def check_glimpses(boards: Sequence[BoardPlan], ops: Sequence[Op], glimpses: Iterable[Glimpse]) -> Findings:
    """Whether reads under way saw what had been acknowledged before they began, and nothing that came after them."""
    found = Findings()
    sums, _ = _by_player(boards, ops)
    for glimpse in glimpses:
        counts = digits(glimpse.score or 0)
        known = sums.get((glimpse.board, glimpse.player), {})
        for place, op in known.items():
            count = counts.pop(place, 0)
            if count > 1:
                found.doubled.append(f"{_name(op)} was seen {count} times by a read")
            elif not count and op.acknowledged_at < glimpse.began:
                late = glimpse.began - op.acknowledged_at
                found.stale.append(f"{_name(op)} was not seen by a read {late:.3f} s after its answer")
            elif count and op.began_at > glimpse.ended:
                found.wrong.append(f"{_name(op)} was seen before it was sent")
        if counts:
            found.wrong.append(f"a read of {glimpse.player} saw {glimpse.score}, which nobody submitted")
    return found


def check_pages(pages: Iterable[Page]) -> Findings:
    """Whether tops that were read while others wrote agree with themselves."""
    found = Findings()
    for page in pages:
        _check_rows(f"a top of {page.board}", page.rows, found)
    return found


def _by_player(
    boards: Sequence[BoardPlan], ops: Iterable[Op]
) -> tuple[_Sums, dict[tuple[str, str], list[tuple[int, Op]]]]:
    operators = {plan.name: plan.operator for plan in boards}
    sums: _Sums = defaultdict(dict)
    bests: dict[tuple[str, str], list[tuple[int, Op]]] = defaultdict(list)
    for op in ops:
        for item in op.items:
            who = (item.board, item.player)
            if operators[item.board] == "best":
                bests[who].append((item.amount, op))
                continue
            place = place_of(item.amount)
            assert place not in sums[who], "every op of a player has a digit of its own"  # noqa: S101
            sums[who][place] = op
    return sums, bests


def _check_sums(standing: Standing, sums: _Sums, found: Findings) -> None:
    where = f"{standing.board}/{standing.period}"
    scores = {player: score for _, player, score in standing.rows}
    for (board, player), known in sums.items():
        if board != standing.board:
            continue
        counts = digits(scores.pop(player, 0))
        for place, op in known.items():
            _judge(op, counts.pop(place, 0), f"{where} of {player}", found)
        if counts:
            found.wrong.append(f"{where} of {player}: {counts} of what nobody submitted")
    if scores:
        found.wrong.append(f"{where}: {len(scores)} players whom nobody submitted, such as {next(iter(scores))}")


def _judge(op: Op, count: int, where: str, found: Findings) -> None:
    if count > 1:
        found.doubled.append(f"{_name(op)} is {count} times in {where}")
    elif not count and op.is_acknowledged:
        found.lost.append(f"{_name(op)}, acknowledged, is not in {where}")
        found.lost_ops.append(op.number)
    elif count and op.is_refused:
        found.wrong.append(f"{_name(op)}, refused, is in {where}")


def _check_bests(standing: Standing, bests: dict[tuple[str, str], list[tuple[int, Op]]], found: Findings) -> None:
    where = f"{standing.board}/{standing.period}"
    scores = {player: score for _, player, score in standing.rows}
    for (board, player), given in bests.items():
        if board != standing.board:
            continue
        score = scores.pop(player, None)
        acknowledged = max(((amount, op) for amount, op in given if op.is_acknowledged), key=_amount, default=None)
        if acknowledged is not None and (score is None or score < acknowledged[0]):
            name = _name(acknowledged[1])
            found.lost.append(f"{name}, acknowledged with {acknowledged[0]}, is not in {where} of {player}: {score}")
            found.lost_ops.append(acknowledged[1].number)
        elif score is not None and score not in {amount for amount, op in given if not op.is_refused}:
            found.wrong.append(f"{where} of {player}: {score}, which nobody submitted")
    if scores:
        found.wrong.append(f"{where}: {len(scores)} players whom nobody submitted, such as {next(iter(scores))}")


def _amount(given: tuple[int, Op]) -> int:
    return given[0]


def _check_order(standing: Standing, found: Findings) -> None:
    where = f"{standing.board}/{standing.period}"
    if standing.total != len(standing.rows):
        found.wrong.append(f"{where}: total {standing.total}, but {len(standing.rows)} rows")
    _check_rows(where, standing.rows, found)


def _check_rows(where: str, rows: Sequence[Row], found: Findings) -> None:
    """Rows from the first on: each player once, in order, with the ranks that the scores give."""
    twice = [player for player, count in Counter(player for _, player, _ in rows).items() if count > 1]
    if twice:
        found.wrong.append(f"{where}: {len(twice)} players are listed more than once, such as {twice[0]}")
    ordered = sorted(rows, key=lambda row: (-row[2], row[1].encode()))
    if list(rows) != ordered:
        found.wrong.append(f"{where}: the rows are not in order")
    rank, last = 0, None
    for place, (given, player, score) in enumerate(ordered, 1):
        if score != last:
            rank, last = place, score
        if given != rank:
            found.wrong.append(f"{where}: {player} with {score} has rank {given}, not {rank}")
            return


def _check_probes(standing: Standing, found: Findings) -> None:
    where = f"{standing.board}/{standing.period}"
    rows = {row[1]: row for row in standing.rows}
    listed = list(standing.rows)
    for probe in standing.probes:
        row = rows.get(probe.player)
        if probe.row != row or probe.total != standing.total:
            found.wrong.append(f"{where}: {probe.player} reads {probe.row} of {probe.total}, the top has {row}")
            continue
        if abs(probe.percentile - 100 * (standing.total - row[0]) / standing.total) > 1e-6:
            found.wrong.append(f"{where}: {probe.player} has percentile {probe.percentile} at {row[0]}")
        at = listed.index(row)
        size = min(AROUND, len(listed))
        start = max(0, min(at - size // 2, len(listed) - size))
        if list(probe.around) != listed[start : start + size]:
            found.wrong.append(f"{where}: around {probe.player} is not what the top has there")
    asked = set(standing.asked)
    expected = [row for row in listed if row[1] in asked]
    if list(standing.found) != expected:
        found.wrong.append(f"{where}: a lookup of {len(standing.asked)} players is not what the top has of them")
    if set(standing.missing) != {player for player in standing.asked if player not in rows}:
        found.wrong.append(f"{where}: a lookup says that {list(standing.missing)[:3]} are missing")


def _name(op: Op) -> str:
    kind = f"bulk of {len(op.items)}" if op.is_bulk else f"single to {op.items[0].board}"
    said = ",".join(str(attempt.status or "-") for attempt in op.attempts)
    return f"op {op.number} ({kind}{'' if op.key else ' without a key'}; answers {said})"
