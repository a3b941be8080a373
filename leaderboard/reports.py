"""What became of the items of a request, whatever they are; and how an idempotent one is marked."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a submission was not taken."""

    code: str
    detail: str
    field: str = "score"


@dataclass(frozen=True, slots=True)
class Rejection:
    """An item that was not taken."""

    index: int
    refusal: Refusal


@dataclass(slots=True)
class Report:
    """What became of many items."""

    received: int = 0
    applied: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Marking:
    """How the chunks of an idempotent request are marked, so that none is applied twice."""

    request: str
    digest: str
    lifetime_ms: int
    mark_refused: bool = True  # False: what was refused whole may be sent again, corrected
