"""What a run saw, in numbers: how much was done, what it met, how soon it went on after each fault."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from chaoslib.faults import Strike
from chaoslib.history import GOOD, NO_ANSWER, History, Op


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a fault cost."""

    strike: Strike
    first_good: float  # seconds until every board had taken a write that was sent after it
    outage: float  # the longest time that a board took no write, of those that touch the fault's
    refused: int  # answers of 5xx until the next fault
    unanswered: int
    lost: int = 0  # ops acknowledged between the end of the fault before it and its own


def of_run(history: History, recoveries: Sequence[Recovery], began: float, ended: float) -> dict[str, Any]:
    """All of them, as it goes into JSON; seconds and milliseconds by name."""
    ops = history.ops
    attempts = [attempt for op in ops for attempt in op.attempts]
    took = sorted(1000 * (attempt.ended - attempt.began) for attempt in attempts if attempt.is_good)
    answers = Counter(attempt.status for attempt in attempts)
    return {
        "seconds": round(ended - began, 1),
        "ops": len(ops),
        "scores": sum(len(op.items) for op in ops),
        "bulks": sum(op.is_bulk for op in ops),
        "without_a_key": sum(op.key is None for op in ops),
        "attempts": len(attempts),
        "answers": {str(status or "none"): count for status, count in sorted(answers.items())},
        "replayed": sum(attempt.replayed for attempt in attempts),
        "sent_again": sum(len(op.attempts) > 1 for op in ops),
        "reads": {str(status or "none"): count for status, count in sorted(history.reads.items())},
        "players_seen_by_reads": len(history.glimpses) + sum(len(page.rows) for page in history.pages),
        "writes_per_second": round(answers[GOOD] / (ended - began), 1),
        "p50_ms": _percentile(took, 50),
        "p99_ms": _percentile(took, 99),
        "longest_ms": _percentile([1000 * (one.ended - one.began) for one in attempts], 100),
        "faults": by_kind(recoveries),
    }


def recovery(
    ops: Sequence[Op], strikes: Sequence[Strike], ended: float, lost_ops: Sequence[int] = ()
) -> list[Recovery]:
    """How soon every board took a write again after each fault, in order, and what failed meanwhile.

    A write is good for this only if it was sent after the fault. Failures belong to the fault that struck last before
    they were answered, or were given up.
    """
    good: dict[str, list[tuple[float, float]]] = defaultdict(list)  # board -> (began, ended)
    failed: list[tuple[float, int]] = []
    for op in ops:
        boards = {item.board for item in op.items}
        for attempt in op.attempts:
            if attempt.is_good:
                for board in boards:
                    good[board].append((attempt.began, attempt.ended))
            elif attempt.may_count:
                failed.append((attempt.ended, attempt.status))
    for times in good.values():
        times.sort()
    ends = [sorted(end for _, end in times) for times in good.values()]
    failed.sort()
    missing = set(lost_ops)
    lost = sorted(op.acknowledged_at for op in ops if op.number in missing)
    found: list[Recovery] = []
    ordered = sorted(strikes, key=lambda strike: strike.began)
    for number, strike in enumerate(ordered):
        until = ordered[number + 1].began if number + 1 < len(ordered) else ended
        span = failed[bisect_left(failed, (strike.began, 0)) : bisect_left(failed, (until, 0))]
        first = max((_first_after(times, strike.began, ended) for times in good.values()), default=0.0)
        outage = max((_longest_gap(marks, strike) for marks in ends), default=0.0)
        unanswered = sum(status == NO_ANSWER for _, status in span)
        gone = bisect_left(lost, strike.ended) - sum(one.lost for one in found)
        refused = len(span) - unanswered
        found.append(Recovery(strike, round(first, 3), round(outage, 3), refused, unanswered, max(0, gone)))
    return found


def by_kind(recoveries: Sequence[Recovery]) -> dict[str, Any]:
    """The same by kind of fault."""
    kinds: dict[str, list[Recovery]] = defaultdict(list)
    for one in recoveries:
        kinds[one.strike.kind].append(one)
    return {
        kind: {
            "struck": len(found),
            "first_good_write_seconds": {
                "median": round(median(one.first_good for one in found), 3),
                "longest": _percentile([one.first_good for one in found], 100),
            },
            "longest_outage_seconds": _percentile([one.outage for one in found], 100),
            "answers_5xx": sum(one.refused for one in found),
            "unanswered": sum(one.unanswered for one in found),
            "lost": sum(one.lost for one in found),
        }
        for kind, found in kinds.items()
    }


def _first_after(times: Sequence[tuple[float, float]], began: float, ended: float) -> float:
    """From then to the first good answer to what was sent after it; to the end if there was none."""
    at = bisect_left(times, (began, 0.0))
    return min((end for _, end in times[at : at + 500]), default=ended) - began


def _longest_gap(ends: Sequence[float], strike: Strike) -> float:
    """The longest time between two good answers of which some lies within the fault's."""
    first = max(0, bisect_left(ends, strike.began) - 1)
    last = bisect_left(ends, strike.ended) + 1
    return max((late - early for early, late in pairwise(ends[first:last])), default=0.0)


def _percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 3)
