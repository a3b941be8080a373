"""docs/failures.md and these tests follow each other row by row."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TOLD = ("test_store.py", "test_network.py", "test_processes.py", "test_database.py", "test_clock.py")


def test_every_row_names_its_test_and_every_test_has_a_row() -> None:
    page = (HERE.parents[1] / "docs" / "failures.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    there = {name for file in TOLD for name in re.findall(r"^def (test_\w+)", (HERE / file).read_text(), re.MULTILINE)}
    assert named == there
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| Failure")]
    assert len(rows) > 20
    assert all("`test_" in row for row in rows)
