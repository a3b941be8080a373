"""Whether what was answered is on disk, and stays there."""

from collections.abc import Iterator

from leaderboard.store.checkup.findings import Finding, fail, ok, size, unknown, warn
from leaderboard.store.checkup.told import Told

_KEEP = "and CONFIG REWRITE, so that it outlives a restart"
_LONG_LOG = 1024**3
_MOST_GROWTH = 4
_SMALLEST_SHARE = 0.1  # of a disk that is to be free


def persistence(told: Told) -> Iterator[Finding]:
    """All of it."""
    yield _appendonly(told)
    if told.number("aof_enabled"):
        yield _appendfsync(told)
        yield _rewrites(told)
    yield _disk_writes(told)
    yield _disk_space(told)


def _appendonly(told: Told) -> Finding:
    if "aof_enabled" not in told.info:
        return unknown("appendonly", "whether writes go to disk")
    if told.number("aof_enabled"):
        return ok("appendonly", "every write goes to the append-only file")
    remedy = f"CONFIG SET appendonly yes, {_KEEP}."
    saves = told.setting("save")
    if saves:
        seen = f"no append-only file, only a snapshot now and then (save {saves}): a restart loses what came since"
        return fail("appendonly", seen, remedy)
    if saves is None:
        return fail("appendonly", "no append-only file: a restart loses what came since the last snapshot", remedy)
    return fail("appendonly", "nothing is written to disk: a restart loses everything", remedy)


def _appendfsync(told: Told) -> Finding:
    how = told.setting("appendfsync")
    if how is None:
        return unknown("appendfsync", "how often the append-only file goes to disk")
    if how == "no":
        seen = "appendfsync no: a loss of power takes what the system had not written, often half a minute"
        return warn("appendfsync", seen, f"CONFIG SET appendfsync always or everysec, {_KEEP}.")
    if told.setting("no-appendfsync-on-rewrite") == "yes":
        seen = f"appendfsync {how}, but not while the file is rewritten (no-appendfsync-on-rewrite yes)"
        return warn("appendfsync", seen, f"CONFIG SET no-appendfsync-on-rewrite no, {_KEEP}.")
    promise = {"always": "every answer is on disk", "everysec": "a loss of power can take the last second's answers"}
    return ok("appendfsync", f"appendfsync {how}: {promise.get(how, 'not known here')}")


def _rewrites(told: Told) -> Finding:
    share = told.setting("auto-aof-rewrite-percentage")
    now, base = told.number("aof_current_size"), told.number("aof_base_size")
    if share == "0":
        seen = f"the append-only file ({size(now)}) is never rewritten by itself, and grows for ever"
        return warn("log-rewrites", seen, f"CONFIG SET auto-aof-rewrite-percentage 100, {_KEEP}.")
    if now > _LONG_LOG and now > _MOST_GROWTH * base:
        seen = f"the append-only file has grown from {size(base)} to {size(now)}: a start reads all of it"
        return warn("log-rewrites", seen, "BGREWRITEAOF, and look into the server's log why it is not done by itself.")
    return ok("log-rewrites", f"the append-only file has {size(now)}")


def _disk_writes(told: Told) -> Finding:
    info = told.info
    if "rdb_last_bgsave_status" not in info:
        return unknown("disk-writes", "whether the last write to disk succeeded")
    if info.get("aof_last_write_status", "ok") != "ok":
        seen = "the last write to the append-only file failed: the store refuses writes, the service answers 503"
        return fail("disk-writes", seen, "Make room on the store's disk, or mend it; the server's log says which.")
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        remedy = "Make room or memory for it (vm.overcommit_memory); the server's log says what it lacked."
        if told.setting("stop-writes-on-bgsave-error") != "no" and told.setting("save") != "":
            seen = "the last snapshot failed: the store refuses writes (stop-writes-on-bgsave-error)"
            return fail("disk-writes", seen, remedy)
        return warn("disk-writes", "the last snapshot (BGSAVE) failed", remedy)
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        seen = "the last rewrite of the append-only file failed: it grows until one succeeds"
        return warn("disk-writes", seen, "Make room on disk and memory (vm.overcommit_memory), then BGREWRITEAOF.")
    return ok("disk-writes", "the last write to disk, rewrite and snapshot succeeded")


def _disk_space(told: Told) -> Finding:
    machine = told.machine
    if machine is None or machine.disk_free is None or not machine.disk_total:
        return unknown(
            "disk-space",
            "the store's disk is not to be seen from here",
            "See to it that twice the store's memory is free there: a rewrite of the append-only file writes it anew.",
        )
    free, needed = machine.disk_free, told.number("used_memory")
    seen = (
        f"{size(free)} of {size(machine.disk_total)} free; a rewrite of the append-only file takes up to {size(needed)}"
    )
    if free < needed:
        return fail("disk-space", seen, "Make room: the next rewrite fails, and a full disk stops all writes.")
    if free < 2 * needed or free < _SMALLEST_SHARE * machine.disk_total:
        return warn("disk-space", seen, "Make room: keep twice the store's memory and a tenth of the disk free.")
    return ok("disk-space", seen)
