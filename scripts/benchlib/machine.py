"""The machine: what it is, whether it is quiet, and where its time goes."""

import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LOOP_STEPS = 400_000
_UNEVEN = 1.15  # slowest over fastest of some equal loops
_OTHERS_PERCENT = 10.0


def describe(store_version: str) -> dict[str, str | int]:
    """What was measured on."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
        model = found[1] if found else model
    return {
        "cores": os.cpu_count() or 1,
        "cpu": model,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "store": store_version,
    }


def unrest() -> list[str]:
    """Reasons to doubt that nothing else is running; to be asked before anything of ours does."""
    found = []
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 0.3 * cores:
        found.append(f"the load average of the last minute is {load:.2f}")
    meter = Meter({"bench": [os.getpid()]})
    times = [_loop_seconds() for _ in range(20)]
    if max(times) > _UNEVEN * min(times):
        found.append(f"equal loops took {1000 * min(times):.1f} to {1000 * max(times):.1f} ms")
    others = meter.read()[1].get("others", 0.0)
    if others > _OTHERS_PERCENT:
        found.append(f"other programs use {others:.0f} % of a core")
    return found


def _loop_seconds() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(_LOOP_STEPS):
        total += number
    return time.perf_counter() - began


class Meter:
    """Processor time, from now on, of some groups of processes and of everything else; nothing without a /proc."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = groups if sys.platform == "linux" else {}
        self._began = time.perf_counter()
        self._before = self._read()

    def read(self) -> tuple[dict[str, float], dict[str, float]]:
        """Processor seconds since it was made, and the same in percent of a core.

        `others` is everything else: other programs, the kernel's own work, and what the host took away.
        """
        after, elapsed = self._read(), time.perf_counter() - self._began
        used = {name: after[name] - self._before[name] for name in after}
        if used:
            used["others"] = max(0.0, used.pop("machine") - sum(used[name] for name in self._groups))
        return used, {name: 100 * seconds / elapsed for name, seconds in used.items()}

    def _read(self) -> dict[str, float]:
        if not self._groups:
            return {}
        hertz = os.sysconf("SC_CLK_TCK")
        columns = [int(text) for text in Path("/proc/stat").read_text("utf-8").split("\n", 1)[0].split()[1:9]]
        busy = sum(columns) - columns[3] - columns[4]  # all but idle and waiting for a disk
        used = {name: sum(map(_ticks, pids)) / hertz for name, pids in self._groups.items()}
        return {**used, "machine": busy / hertz}


def _ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0
