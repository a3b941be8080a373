"""What the machine and the server's limits allow: connections, files, the kernel's settings."""

from collections.abc import Iterator

from leaderboard.store.checkup.findings import Finding, fail, ok, unknown, warn
from leaderboard.store.checkup.told import Told

_OWN_FILES = 32  # what a server needs beside its connections
_NEARLY_FULL = 0.8


def machine(told: Told) -> Iterator[Finding]:
    """All of it."""
    yield _connections(told)
    yield _open_files(told)
    yield _kernel(told)


def _connections(told: Told) -> Finding:
    now, most, refused = (told.number(name) for name in ("connected_clients", "maxclients", "rejected_connections"))
    if not most:
        return unknown("connections", f"{now:,} connections; how many there may be, the store does not say")
    seen = f"{now:,} of {most:,} connections"
    remedy = "Raise maxclients (and the limit of open files), or lower LEADERBOARD_REDIS_POOL_SIZE."
    if now > _NEARLY_FULL * most:
        return fail("connections", seen, remedy)
    if refused:
        return warn("connections", f"{seen}; {refused:,} were refused since the store started", remedy)
    return ok("connections", seen)


def _open_files(told: Told) -> Finding:
    files, most = told.machine.open_files if told.machine else None, told.number("maxclients")
    if files is None:
        return unknown("open-files", "how many files the server may open is not to be seen from here")
    seen = f"the server may open {files:,} files, for {most:,} connections"
    if files < most + _OWN_FILES:
        return warn("open-files", seen, "Raise LimitNOFILE (systemd) or ulimit -n of the server.")
    return ok("open-files", seen)


def _kernel(told: Told) -> Finding:
    if told.machine is None:
        return unknown("kernel", "the store's machine is not this one")
    seen, remedies = [], []
    if told.machine.overcommit is not None:
        seen.append(f"vm.overcommit_memory {told.machine.overcommit}")
        if told.machine.overcommit != "1":
            remedies.append(
                "sysctl vm.overcommit_memory=1: without it a rewrite of a large store may be refused its fork."
            )
    if told.machine.huge_pages is not None:
        seen.append(f"transparent huge pages {told.machine.huge_pages}")
        if told.machine.huge_pages == "always":
            remedies.append(
                "Set /sys/kernel/mm/transparent_hugepage/enabled to madvise: else writes stall after a fork."
            )
    if not seen:
        return unknown("kernel", "the kernel's settings")
    text = ", ".join(seen)
    return warn("kernel", text, " ".join(remedies)) if remedies else ok("kernel", text)
