"""Whether the store has the memory it needs, and what it does without."""

from collections.abc import Iterator

from leaderboard.store.checkup.findings import Finding, fail, ok, size, unknown, warn
from leaderboard.store.checkup.told import Told

_LARGEST_SHARE = 0.75  # of a machine: a fork and buffers need the rest
_NEARLY_FULL = 0.8
_FULL = 0.95
_FRAGMENTED = 1.5
_SWAPPED = 0.9
_WORTH_IT = 256 * 1024**2  # bytes; of a small store the ratios say nothing
_NOEVICTION = "CONFIG SET maxmemory-policy noeviction, and CONFIG REWRITE."


def memory(told: Told) -> Iterator[Finding]:
    """All of it."""
    yield _eviction(told)
    yield _limit(told)
    yield _headroom(told)
    yield _fragmentation(told)


def _eviction(told: Told) -> Finding:
    policy, evicted = told.info.get("maxmemory_policy"), told.number("evicted_keys")
    if policy is None:
        return unknown("eviction", "what the store does when it is full")
    gone, restore = f"{evicted:,} keys were evicted since the store started", "Restore what is missing from a snapshot."
    if str(policy).startswith("allkeys"):
        seen = f"a full store throws rankings away (maxmemory-policy {policy})"
        if evicted:
            return fail("eviction", f"{seen}: {gone}", f"{_NOEVICTION} {restore}")
        return fail("eviction", seen, _NOEVICTION)
    if evicted:
        return warn("eviction", gone, f"{_NOEVICTION} {restore}")
    if policy != "noeviction":
        seen = (
            f"a full store throws away what has a lifetime (maxmemory-policy {policy}): "
            "past periods that are not sealed yet, and markers of idempotent requests, which then count twice"
        )
        return warn("eviction", seen, _NOEVICTION)
    return ok("eviction", "a full store refuses writes and throws nothing away")


def _limit(told: Told) -> Finding:
    limit, machine = told.number("maxmemory"), told.number("total_system_memory")
    if "maxmemory" not in told.info:
        return unknown("memory-limit", "how much memory the store may take")
    if limit == 0:
        seen = "no limit (maxmemory 0)"
        if told.embedded:
            return ok("memory-limit", f"{seen}, as the embedded store has none")
        remedy = "CONFIG SET maxmemory to some 70 % of the machine, and CONFIG REWRITE: a store that is full says so, "
        remedy += "one without a limit is killed by the system."
        return warn("memory-limit", seen, remedy)
    seen = f"at most {size(limit)}" + (f" of the machine's {size(machine)}" if machine else "")
    if machine and limit > _LARGEST_SHARE * machine:
        remedy = "Lower maxmemory or take a larger machine: while the append-only file is rewritten, pages that change "
        remedy += "are there twice."
        return warn("memory-limit", seen, remedy)
    return ok("memory-limit", seen)


def _headroom(told: Told) -> Finding:
    used = told.number("used_memory")
    limit = told.number("maxmemory") or int(told.number("total_system_memory") * _LARGEST_SHARE)
    if not limit:
        return unknown("memory-headroom", f"{size(used)} used; how much there is, the store does not say")
    share = used / limit
    seen = f"{size(used)} of {size(limit)} used ({share:.0%})"
    remedy = "Raise maxmemory, shorten retention ('leaderboard memory' shows what takes it), or go on to a Cluster."
    if share >= _FULL:
        return fail("memory-headroom", f"{seen}: {_when_full(told)}", remedy)
    if share >= _NEARLY_FULL:
        return warn("memory-headroom", seen, remedy)
    return ok("memory-headroom", seen)


def _when_full(told: Told) -> str:
    if not told.number("maxmemory"):
        return "soon the system kills it"
    evicts = told.info.get("maxmemory_policy", "noeviction") != "noeviction"
    return "soon keys are thrown away" if evicts else "soon writes are refused"


def _fragmentation(told: Told) -> Finding:
    used, resident = told.number("used_memory"), told.number("used_memory_rss")
    if not used or not resident:
        return unknown("fragmentation", "how much of its memory is resident")
    ratio = resident / used
    seen = f"{size(resident)} resident for {size(used)} used"
    if used < _WORTH_IT or _SWAPPED <= ratio <= _FRAGMENTED:
        return ok("fragmentation", seen)
    if ratio < _SWAPPED:
        return warn("fragmentation", seen + ": a part is swapped out", "Give the machine memory; take swap from it.")
    remedy = "CONFIG SET activedefrag yes where the server was built with jemalloc; else restart it, replicas first."
    return warn("fragmentation", seen, remedy)
