"""What a check-up finds: a check, how bad it is, what was seen, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "unknown", "warn", "fail"]

GUIDE = "docs/operations.md"
# Check -> section of the guide. A test holds this against the guide's headings and its checklist.
SECTIONS = {
    "store": "failures",
    "version": "versions",
    "commands": "access",
    "appendonly": "persistence",
    "appendfsync": "persistence",
    "log-rewrites": "persistence",
    "disk-writes": "persistence",
    "disk-space": "persistence",
    "eviction": "memory",
    "memory-limit": "memory",
    "memory-headroom": "memory",
    "fragmentation": "memory",
    "kernel": "the-machine",
    "password": "access",
    "tls": "access",
    "connections": "the-machine",
    "open-files": "the-machine",
    "latency": "latency",
    "latency-events": "latency",
    "slow-commands": "latency",
    "clock": "clocks",
    "replication": "replicas",
    "sentinels": "sentinel",
    "cluster": "cluster",
    "lifetimes": "keys",
    "strangers": "keys",
    "orphans": "keys",
    "database": "database",
    "migrations": "upgrade",
    "database-durability": "database",
    "database-space": "database",
    "jobs": "jobs",
    "sealing": "jobs",
    "snapshots": "backup-and-restore",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them. `node` is whose, '' where there is but one; `unknown`: it could not be asked."""

    check: str
    level: Level
    seen: str
    remedy: str = ""
    node: str = ""

    @property
    def link(self) -> str:
        """Where the guide tells more."""
        return f"{GUIDE}#{SECTIONS[self.check]}"


def ok(check: str, seen: str) -> Finding:
    return Finding(check, "ok", seen)


def warn(check: str, seen: str, remedy: str) -> Finding:
    return Finding(check, "warn", seen, remedy)


def fail(check: str, seen: str, remedy: str) -> Finding:
    return Finding(check, "fail", seen, remedy)


def unknown(check: str, seen: str, remedy: str = "") -> Finding:
    return Finding(check, "unknown", seen, remedy)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of the table of sections, whoever found them."""
    place = {check: number for number, check in enumerate(SECTIONS)}
    return sorted(findings, key=lambda finding: place[finding.check])


def passes(findings: Sequence[Finding], *, strict: bool) -> bool:
    """Whether nothing failed; `strict`: nor was anything warned of."""
    bad = ("fail", "warn") if strict else ("fail",)
    return all(finding.level not in bad for finding in findings)


def size(amount: float) -> str:
    """Bytes for a person."""
    for unit in ("B", "KiB", "MiB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
