"""What a store told of itself when it was asked; None throughout: it would not say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Transport = Literal["socket", "loopback", "network"]


@dataclass(frozen=True, slots=True)
class LatencyEvent:
    """An event of LATENCY LATEST, its last and its longest time in milliseconds."""

    name: str
    age_seconds: float
    last_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """An entry of SLOWLOG."""

    command: str
    age_seconds: float
    ms: float


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the store runs on, where that is the one the check-up runs on."""

    overcommit: str | None = None  # of memory: 0, 1 or 2
    huge_pages: str | None = None  # transparent ones: always, madvise or never
    open_files: int | None = None  # how many the server may have open
    disk_free: int | None = None  # bytes, where it writes its data
    disk_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one server said."""

    info: Mapping[str, Any]
    config: Mapping[str, str] | None = None
    transport: Transport = "socket"
    tls: bool = False
    embedded: bool = False  # the private one, whose options are not the operator's
    lets_anybody_in: bool | None = None  # without a password
    commands: frozenset[str] | None = None  # in lower case
    round_trips_ms: Sequence[float] = ()
    events: Sequence[LatencyEvent] | None = None
    slow: Sequence[SlowCommand] | None = None
    clock_ahead_ms: float | None = None  # of this machine's clock
    machine: Machine | None = None

    def setting(self, name: str) -> str | None:
        """A configuration parameter."""
        return None if self.config is None else self.config.get(name)

    def number(self, name: str) -> int:
        """A figure of INFO; 0 where there is none."""
        try:
            return int(self.info.get(name, 0))
        except (TypeError, ValueError):
            return 0

    @property
    def is_replica(self) -> bool:
        return self.info.get("role") == "slave"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelTold:
    """What one Sentinel said of the primary; `error`: it does not answer, or does not know it."""

    name: str
    error: str | None = None
    state: Mapping[str, Any] = field(default_factory=dict)  # SENTINEL MASTER
    quorum_error: str | None = None  # what SENTINEL CKQUORUM has against it


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A node as CLUSTER NODES lists it."""

    id: str
    address: str
    flags: frozenset[str]
    primary_id: str | None
    slots: int

    @property
    def is_primary(self) -> bool:
        return "master" in self.flags

    @property
    def is_failing(self) -> bool:
        return bool(self.flags & {"fail", "fail?", "noaddr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTold:
    """CLUSTER INFO and CLUSTER NODES of one node."""

    info: Mapping[str, str]
    nodes: Sequence[ClusterNode]
