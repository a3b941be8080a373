"""What a play may change about a board whose answers stay foreseeable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .plays import PutBoard
from .rules import SPANS

RETAINED = ("hour", "day", "week", "month", "year")


def change(definition: dict[str, Any], operation: PutBoard) -> None:
    """Change the definition, but for what asks for buckets that may be gone.

    Days and hours that windows read stay listed or stay hidden, and hidden ones are not asked to reach back further
    than they did: both would show what a job has removed, or not, depending on whether it has run.
    """
    if operation.retention is not None:
        definition["retention"] = dict.fromkeys(RETAINED, operation.retention)
    if operation.periods is not None:
        definition["periods"] = _with_buckets_as_before(definition, operation.periods)
    if operation.rolling is not None and not definition.get("max_entries") and not _reaches_back(definition, operation):
        definition["rolling"] = list(operation.rolling)


def _with_buckets_as_before(definition: dict[str, Any], periods: Iterable[str]) -> list[str]:
    before = definition["periods"]
    buckets = {SPANS[name][0] for name in definition.get("rolling", ())}
    wanted = [name for name in periods if name not in buckets] + [name for name in before if name in buckets]
    return wanted or before


def _reaches_back(definition: dict[str, Any], operation: PutBoard) -> bool:
    old, new = (_spans(rolling) for rolling in (definition.get("rolling", ()), operation.rolling or ()))
    hidden = {"day", "hour"} - set(definition["periods"])
    return any(0 < old.get(bucket, 0) < new.get(bucket, 0) for bucket in hidden)


def _spans(rolling: Iterable[str]) -> dict[str, int]:
    spans: dict[str, int] = {}
    for bucket, count in (SPANS[name] for name in rolling):
        spans[bucket] = max(count, spans.get(bucket, 0))
    return spans
