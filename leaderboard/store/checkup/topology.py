"""Whether several servers hold together: replicas, Sentinels, a Cluster."""

from collections.abc import Iterator, Sequence
from typing import Any

from leaderboard.store.checkup.findings import Finding, fail, listed, ok, size, unknown, warn
from leaderboard.store.checkup.told import ClusterNode, ClusterTold, SentinelTold, Told

_SLOTS = 16_384
_LATE_SECONDS = 10
_LATE_BYTES = 16 * 1024**2
_FEWEST_SENTINELS = 3
_MORE_REPLICAS = "Start a replica of it (REPLICAOF)."


def replication(told: Told, *, wanted: int, expected: bool) -> Finding:
    """Of one server. `wanted`: replicas that every write waits for; `expected`: there are to be some."""
    if "role" not in told.info:
        return unknown("replication", "whether it has replicas")
    return _as_replica(told) if told.is_replica else _as_primary(told, wanted, expected=expected)


def _as_primary(told: Told, wanted: int, *, expected: bool) -> Finding:
    lines = [told.info.get(f"slave{number}") for number in range(told.number("connected_slaves"))]
    replicas: list[dict[str, Any]] = [line for line in lines if isinstance(line, dict)]
    online = [replica for replica in replicas if replica.get("state") == "online"]
    least = int(told.setting("min-replicas-to-write") or 0)
    seen = f"{len(online)} replicas in step"
    if len(online) < max(wanted, least):
        which = "LEADERBOARD_WAIT_REPLICAS" if wanted >= least else "min-replicas-to-write"
        return fail("replication", f"{seen}, and writes need {max(wanted, least)} ({which}): 503", _MORE_REPLICAS)
    if len(online) < len(replicas):
        return warn(
            "replication", f"{seen}, {len(replicas) - len(online)} still copying", "Wait; see the replica's log."
        )
    behind = [told.number("master_repl_offset") - int(replica.get("offset", 0)) for replica in online]
    lags = [int(replica.get("lag", 0)) for replica in online]
    if behind and (max(behind) > _LATE_BYTES or max(lags) >= _LATE_SECONDS):
        seen = f"a replica is {size(max(behind))} and {max(lags)} s behind: a failover would lose that"
        return warn("replication", seen, "A faster network or disk for it; LEADERBOARD_WAIT_REPLICAS=1 waits for it.")
    if online:
        return ok("replication", f"{seen}, at most {size(max(0, *behind))} behind")
    if expected:
        return warn("replication", "no replica: nobody can take over from it", _MORE_REPLICAS)
    return ok("replication", "no replica: when the machine is lost, a backup is what there is")


def _as_replica(told: Told) -> Finding:
    silent = told.number("master_last_io_seconds_ago")
    if told.info.get("master_link_status") != "up":
        seen = "a replica without a link to its primary"
        return fail("replication", seen, "See its log: address, password (masteruser, masterauth), network.")
    if silent >= _LATE_SECONDS:
        return warn("replication", f"a replica that heard nothing of its primary for {silent} s", "See the network.")
    if told.setting("replica-read-only") == "no":
        seen = "a replica that takes writes, which are lost when it copies its primary anew"
        return warn("replication", seen, "CONFIG SET replica-read-only yes, and CONFIG REWRITE.")
    return ok("replication", f"a replica, its link up, last heard {silent} s ago")


def leads_to_replica() -> Finding:
    """Where the one server that the URL names takes no writes."""
    seen = "the URL leads to a replica: every write is refused"
    return fail("replication", seen, "Name the primary, or the Sentinels: redis+sentinel://host:26379,.../name.")


def sentinels(told: Sequence[SentinelTold]) -> Finding:
    """Of all Sentinels that the URL names."""
    answering = [one for one in told if one.error is None]
    if not answering:
        why = listed([f"{one.name}: {one.error}" for one in told])
        return fail("sentinels", f"no Sentinel answers ({why})", "Start them; see their logs.")
    known = max(int(one.state.get("num-other-sentinels", 0)) + 1 for one in answering)
    quorum = max(int(one.state.get("quorum", 0)) for one in answering)
    seen = f"{len(answering)} of {len(told)} answer, {known} know each other, quorum {quorum}"
    against = [one.quorum_error for one in answering if one.quorum_error]
    if against:
        return fail("sentinels", f"{seen}; no failover now: {against[0]}", "Start the Sentinels that are down.")
    if any("o_down" in str(one.state.get("flags", "")) for one in answering):
        return fail("sentinels", f"{seen}; they hold the primary to be down", "See the primary's log.")
    if known < _FEWEST_SENTINELS:
        remedy = "Run three on three machines: of two, neither may act when the other is lost."
        return warn("sentinels", seen, remedy)
    if len(answering) < len(told):
        away = listed([f"{one.name}: {one.error}" for one in told if one.error])
        return warn("sentinels", f"{seen}; {away}", "Start it again, or take it out of the URL.")
    return ok("sentinels", seen)


def cluster(told: ClusterTold) -> Iterator[Finding]:
    """Of a Cluster, as one of its nodes sees it."""
    state, slots = told.info.get("cluster_state"), int(told.info.get("cluster_slots_ok", 0))
    primaries = [node for node in told.nodes if node.is_primary and node.slots and not node.is_failing]
    replicas = [node for node in told.nodes if not node.is_primary and not node.is_failing]
    seen = (
        f"state {state}, {slots:,} of {_SLOTS:,} slots served by {len(primaries)} primaries, {len(replicas)} replicas"
    )
    if state != "ok" or slots < _SLOTS:
        remedy = "valkey-cli --cluster check HOST:PORT tells which slots; --cluster fix mends them."
        yield fail("cluster", seen, remedy)
        return
    alone = [node.address for node in primaries if not _has_replica(node, replicas)]
    failing = [node.address for node in told.nodes if node.is_failing]
    if alone:
        yield warn(
            "cluster",
            f"{seen}; without a replica: {listed(alone)}",
            "valkey-cli --cluster add-node ... --cluster-slave",
        )
    elif failing:
        yield warn("cluster", f"{seen}; failing: {listed(failing)}", "Start it again, or CLUSTER FORGET it.")
    elif len(primaries) < _FEWEST_SENTINELS:
        yield warn("cluster", seen, "Three primaries at least: of two, neither has a majority when the other is lost.")
    else:
        yield ok("cluster", seen)


def _has_replica(primary: ClusterNode, replicas: Sequence[ClusterNode]) -> bool:
    return any(replica.primary_id == primary.id for replica in replicas)
